// stream_read: checks what is asked for, waits if asked to, then passes the slaves' frames on as they come.
#include <algorithm>
#include <array>
#include <utility>

#include "common/base/byte_io.h"
#include "common/base/limits.h"
#include "master/handlers/handlers.h"
#include "master/handlers/reply_codec.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

std::string partition_missing(const TableMeta& table, std::uint32_t partition) {
    return "table '" + table.name + "' has no partition " + std::to_string(partition) +
           ", its partitions are 0.." + std::to_string(table.partition_count - 1);
}

// Partition -> offset to begin at.
Result<OffsetMap> positions(const StreamReadRequest& request, const TableMeta& table) {
    OffsetMap from;
    if (request.read_count == 0)
        return make_error(ErrorCode::invalid_request,
                          "read_count is 0; ask for at least 1 record per partition");
    for (const auto& [partition, offset] : request.partitions) {
        if (partition >= table.partition_count)
            return make_error(ErrorCode::partition_not_found, partition_missing(table, partition));
        if (!from.emplace(partition, std::max<Offset>(offset, 0)).second)
            return make_error(ErrorCode::invalid_request,
                              "partition " + std::to_string(partition) + " is asked for twice");
    }
    if (from.empty())
        for (std::uint32_t i = 0; i < table.partition_count; ++i)
            from[i] = 0;
    return from;
}

Result<void> check_min_offsets(const OffsetMap& min_offsets, const TableMeta& table) {
    for (const auto& entry : min_offsets)
        if (entry.first >= table.partition_count)
            return make_error(ErrorCode::partition_not_found,
                              "min_offsets: " + partition_missing(table, entry.first));
    return {};
}

std::string_view format_name(StatementOptions::Format format) {
    switch (format) {
        case StatementOptions::Format::json:
            return "json";
        case StatementOptions::Format::columnar:
            return "columnar";
        case StatementOptions::Format::rows:
            break;
    }
    return "rows";
}

asio::awaitable<Result<void>> write_frame(ClientReply& reply, SharedBytes frame) {
    std::array<char, 4> length{};
    store_be32(length.data(), static_cast<std::uint32_t>(frame.size()));
    const std::array<std::string_view, 2> parts = {std::string_view(length.data(), length.size()),
                                                   frame.view()};
    co_return co_await reply.write(parts);
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

HandlerResult handle_stream_read(Services& services, Statement& statement, ClientReply& reply) {
    const auto& request = statement.request.stream_read();
    const auto& options = statement.options();
    auto table = services.catalog.find(request.table_name);
    if (table.has_error()) co_return std::move(table).error();
    auto from = positions(request, **table);
    if (from.has_error()) co_return std::move(from).error();
    auto checked = check_min_offsets(options.min_offsets, **table);
    if (checked.has_error()) co_return std::move(checked).error();
    reply.cancel_when_client_leaves();

    reply.waiting(true);
    if (!options.min_offsets.empty()) {
        auto reached =
            co_await services.reads.wait_for_offsets(*table, options.min_offsets, statement.deadline);
        if (statement.cancel->reason()) co_return stopped(*statement.cancel);
        if (reached.has_error()) co_return std::move(reached).error();
    }
    auto read_deadline = statement.deadline;
    if (options.max_wait_ms > 0) {
        const auto wait =
            milliseconds(std::min<std::int64_t>(options.max_wait_ms, limits::long_poll_wait_ms_max));
        auto until = std::chrono::steady_clock::now() + wait;
        if (options.timeout_ms) until = std::min(until, statement.deadline);
        const auto min_rows = std::max<std::uint64_t>(options.min_rows, 1);
        auto waited = co_await services.reads.wait_for_rows(*table, *from, min_rows, until);
        if (statement.cancel->reason()) co_return stopped(*statement.cancel);
        if (waited.has_error()) co_return std::move(waited).error();
        // Waiting is not reading: without a timeout of its own the read has the usual time after it.
        if (!options.timeout_ms)
            read_deadline = std::chrono::steady_clock::now() + services.limits.statement_timeout;
    }
    if (statement.cancel->reason()) co_return stopped(*statement.cancel);
    reply.waiting(false);

    bool schema_sent = false;
    ReadRouter::FrameSink sink = [&reply, &schema_sent,
                                  columnar = options.format == StatementOptions::Format::columnar](
                                     SharedBytes frame) -> asio::awaitable<Result<void>> {
        if (columnar && is_schema_frame(frame)) {
            if (schema_sent) co_return Result<void>();
            schema_sent = true;
        }
        co_return co_await write_frame(reply, std::move(frame));
    };
    auto next = co_await services.reads.read(*table, std::move(*from), request.read_count,
                                             format_name(options.format), limits::stream_reply_bytes_max,
                                             std::move(sink), read_deadline);
    if (next.has_error()) co_return std::move(next).error();
    std::string meta;
    if (options.meta) {
        meta = "\"next\":";
        append_offsets_json(meta, *next);
    }
    co_return co_await reply_success(statement, reply, std::move(meta));
}

}  // namespace dl::master
