// Checks what is asked for, waits if asked to, then passes the slaves' records on as they come.
#include <algorithm>
#include <utility>

#include "common/base/limits.h"
#include "master/execution/command_runs.h"
#include "master/execution/table_id.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

std::string partition_missing(const TableMeta& table, std::uint32_t partition) {
    return "table '" + table.name + "' has no partition " + std::to_string(partition) +
           ", its partitions are 0.." + std::to_string(table.partition_count - 1);
}

// Partition -> offset to begin at. Those that begin at a time have none yet, they are in `since`.
struct Positions {
    OffsetMap from;
    std::vector<PartitionId> since;
};
Result<Positions> positions(const StreamRead& command, const TableMeta& table) {
    Positions positions;
    if (command.read_count == 0)
        return make_error(ErrorCode::invalid_request,
                          "read_count is 0; ask for at least 1 record per partition");
    auto starts = command.from;
    if (starts.empty())
        for (std::uint32_t i = 0; i < table.partition_count; ++i)
            starts.push_back({i, command.since_us ? std::nullopt : std::optional<Offset>(0)});
    for (const auto& [partition, offset] : starts) {
        if (partition >= table.partition_count)
            return make_error(ErrorCode::partition_not_found, partition_missing(table, partition));
        if (!positions.from.emplace(partition, std::max<Offset>(offset.value_or(0), 0)).second)
            return make_error(ErrorCode::invalid_request,
                              "partition " + std::to_string(partition) + " is asked for twice");
        if (!offset) positions.since.push_back(PartitionId{partition});
    }
    if (!positions.since.empty() && !command.since_us)
        return make_error(ErrorCode::invalid_request,
                          "a partition has neither an offset nor a time to begin at");
    return positions;
}

Result<void> check_min_offsets(const OffsetMap& min_offsets, const TableMeta& table) {
    for (const auto& entry : min_offsets)
        if (entry.first >= table.partition_count)
            return make_error(ErrorCode::partition_not_found,
                              "min_offsets: " + partition_missing(table, entry.first));
    return {};
}

std::string_view format_name(RecordFormat format) {
    switch (format) {
        case RecordFormat::json:
            return "json";
        case RecordFormat::columnar:
            return "columnar";
        case RecordFormat::rows:
            break;
    }
    return "rows";
}

// Every slave begins a columnar reply with the schema; the client gets it once.
bool is_schema_frame(const SharedBytes& frame) {
    return frame.view().starts_with("{\"ta");
}

Error stopped(const QueryCancel& cancel) {
    if (cancel.reason() == ErrorCode::unavailable)
        return make_error(ErrorCode::unavailable,
                          "this master is stopping; read on from the same offsets in a moment");
    return make_error(ErrorCode::cancelled, "the client closed its side of the connection before the reply");
}

}  // namespace

CommandRun run(Services& services, CommandContext& context, StreamRead command) {
    auto table = services.catalog.find(command.table);
    if (table.has_error()) co_return std::move(table).error();
    DL_CO_TRY(check_table_id(**table, command.table_id));
    DL_CO_TRY_ASSIGN(auto starts, positions(command, **table));
    auto& from = starts.from;
    DL_CO_TRY(check_min_offsets(command.min_offsets, **table));
    auto& client = context.client;
    client.cancel_when_client_leaves();

    client.waiting(true);
    if (!command.min_offsets.empty()) {
        auto reached =
            co_await services.reads.wait_for_offsets(*table, command.min_offsets, context.deadline);
        if (context.cancel->reason()) co_return stopped(*context.cancel);
        if (reached.has_error()) co_return std::move(reached).error();
    }
    if (!starts.since.empty()) {
        auto found = co_await services.reads.offsets_since(*table, std::move(starts.since), *command.since_us,
                                                           context.deadline);
        if (context.cancel->reason()) co_return stopped(*context.cancel);
        if (found.has_error()) co_return std::move(found).error();
        for (const auto& [partition, offset] : *found)
            from[partition] = offset;
    }
    auto read_deadline = context.deadline;
    if (command.max_wait.count() > 0) {
        const auto wait = std::min(command.max_wait, milliseconds(limits::long_poll_wait_ms_max));
        auto until = std::chrono::steady_clock::now() + wait;
        if (context.has_timeout) until = std::min(until, context.deadline);
        const auto min_rows = std::max<std::uint64_t>(command.min_rows, 1);
        auto waited =
            co_await services.reads.wait_for_rows(*table, from, min_rows, command.check_offsets, until);
        if (context.cancel->reason()) co_return stopped(*context.cancel);
        if (waited.has_error()) co_return std::move(waited).error();
        // Waiting is not reading: without a timeout of its own the read has the usual time after it.
        if (!context.has_timeout)
            read_deadline = std::chrono::steady_clock::now() + services.limits.statement_timeout;
    }
    if (context.cancel->reason()) co_return stopped(*context.cancel);
    const bool any_copy =
        command.any_copy && context.any_copies != nullptr && services.catalog.tables().any_copies();
    auto least = command.min_offsets;
    if (any_copy && command.max_wait.count() > 0) {
        // What was waited for is there with those that lead: a copy has to have it too.
        DL_CO_TRY_ASSIGN(const auto now, co_await services.reads.offsets(*table, read_deadline));
        const auto rows = static_cast<Offset>(std::clamp<std::uint64_t>(command.min_rows, 1, 1u << 30));
        for (const auto& [partition, offset] : from)
            if (const auto end = now.end.find(partition); end != now.end.end())
                least[partition] =
                    std::max(least[partition], std::min(end->second, std::max<Offset>(offset, 0) + rows));
    }
    client.waiting(false);

    bool schema_sent = false;
    ReadRouter::FrameSink sink = [&client, &schema_sent, columnar = command.format == RecordFormat::columnar](
                                     SharedBytes frame) -> asio::awaitable<Result<void>> {
        if (columnar && is_schema_frame(frame)) {
            if (schema_sent) co_return Result<void>();
            schema_sent = true;
        }
        co_return co_await client.records(std::move(frame));
    };
    ReadRouter::Wanted wanted{std::move(from), command.read_count, std::string(format_name(command.format)),
                              limits::stream_reply_bytes_max, command.check_offsets};
    if (any_copy) {
        wanted.any = context.any_copies.get();
        wanted.least = std::move(least);
    }
    auto read = co_await services.reads.read(*table, std::move(wanted), std::move(sink), read_deadline);
    RecordsRead reply;
    reply.table_id = table_id_text(**table);
    if (read.has_value()) {
        reply.partitions = std::move(*read);
        reply.whole = read_outcome(**table, reply.partitions);
    }
    const bool failed = read.has_error() || reply.whole.has_error();
    if (failed && context.cancel->reason()) co_return stopped(*context.cancel);
    if (read.has_error()) co_return std::move(read).error();
    co_return reply_with(std::move(reply));
}

}  // namespace dl::master
