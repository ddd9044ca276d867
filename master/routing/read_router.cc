#include "master/routing/read_router.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>

#include "common/async/run_all.h"
#include "common/types/value_text.h"
#include "master/routing/rpc_timeout.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// What one slave is asked for, and what came of it.
struct Part {
    std::string node;
    std::vector<rpc::PartitionPosition> positions;
    std::shared_ptr<rpc::RpcClient> slave;
    std::uint64_t available = 0;
    std::optional<Error> failure;
    TableOffsets offsets;
    CompressProgress progress;
    bool done = false;

    std::vector<PartitionId> partitions() const {
        std::vector<PartitionId> list;
        for (const auto& position : positions)
            list.push_back(position.partition);
        return list;
    }
};

Result<std::vector<Part>> split(const TableRoutes& routes, const OffsetMap& from) {
    std::map<NodeId, Part> by_node;
    for (const auto& [partition, offset] : from) {
        DL_TRY_ASSIGN(auto route, routes.find(PartitionId{partition}));
        auto& part = by_node[route.node];
        part.node = std::move(route.address);
        part.slave = std::move(route.slave);
        part.positions.push_back({PartitionId{partition}, route.epoch, offset});
    }
    std::vector<Part> parts;
    for (auto& entry : by_node)
        parts.push_back(std::move(entry.second));
    return parts;
}

OffsetMap all_partitions(const TableMeta& table) {
    OffsetMap from;
    for (std::uint32_t i = 0; i < table.partition_count; ++i)
        from[i] = 0;
    return from;
}

// One wait RPC; the answer is stored in the part. The slave keeps the time, the deadline only guards against
// silence.
asio::awaitable<void> wait_on(TablePtr table, Part& part, std::uint64_t min_rows, rpc::Deadline until) {
    rpc::WaitRequest request;
    request.table = rpc::table_ref(*table);
    request.partitions = part.positions;
    request.min_rows = min_rows;
    request.wait_ms = milliseconds_until(until, 0);
    auto reply = co_await part.slave->call(
        rpc::Method::wait, rpc::encode(request), {},
        steady_clock::now() + milliseconds(request.wait_ms) + std::chrono::seconds(5));
    if (reply.has_error()) {
        part.failure = std::move(reply).error();
        co_return;
    }
    auto decoded = rpc::decode_reply<rpc::WaitReply>(reply->end_json);
    if (decoded.has_error())
        part.failure = std::move(decoded).error();
    else
        part.available = decoded->available;
}

Result<void> first_failure(std::vector<Part>& parts) {
    for (auto& part : parts)
        if (part.failure) return std::move(*part.failure);
    return {};
}

std::uint64_t total_available(const std::vector<Part>& parts) {
    std::uint64_t total = 0;
    for (const auto& part : parts)
        total += part.available;
    return total;
}

// Waits on all parts at once until one of them has its share of what is missing.
asio::awaitable<void> wait_for_any(TablePtr table, std::vector<Part>& parts, std::uint64_t missing,
                                   rpc::Deadline until) {
    const auto share = std::max<std::uint64_t>(1, (missing + parts.size() - 1) / parts.size());
    std::vector<RaceTask> races;
    for (auto& part : parts) {
        const auto min_rows = part.available + share;
        races.emplace_back([table, &part, min_rows, until]() -> asio::awaitable<bool> {
            co_await wait_on(table, part, min_rows, until);
            co_return part.failure.has_value() || part.available >= min_rows;
        });
    }
    co_await run_until_first(std::move(races));
    // Those that lost the race were cancelled; that is no failure.
    for (auto& part : parts)
        if (part.failure && part.failure->code == ErrorCode::cancelled) part.failure.reset();
}

// A read whose first frame has come.
struct OpenRead {
    std::unique_ptr<rpc::RpcStream> stream;
    std::optional<SharedBytes> first;  // nullopt: it has ended
};

// A slave that was away while the table was altered is told its schema first; it would show the old columns.
asio::awaitable<Result<OpenRead>> open_read(Part& part, const TableMeta& table, const std::string& json,
                                            rpc::Deadline deadline) {
    for (bool schema_sent = false;; schema_sent = true) {
        auto opened = co_await part.slave->open(rpc::Method::read, json, {}, deadline);
        if (opened.has_error()) co_return std::move(opened).error();
        auto first = co_await (*opened)->next(deadline);
        if (first.has_value()) co_return OpenRead{std::move(*opened), std::move(*first)};
        if (first.error().code != ErrorCode::schema_mismatch || schema_sent)
            co_return std::move(first).error();
        opened->reset();
        auto updated = co_await part.slave->call(
            rpc::Method::update_table, rpc::encode(rpc::UpdateTableRequest{table, {}}), {}, deadline);
        if (updated.has_error()) co_return std::move(updated).error();
    }
}

}  // namespace

asio::awaitable<Result<void>> ReadRouter::wait_for_rows(TablePtr table, OffsetMap from,
                                                        std::uint64_t min_rows, rpc::Deadline until) {
    auto parts = split(routes_.of(*table), from);
    if (parts.has_error()) co_return std::move(parts).error();
    if (parts->size() == 1) {
        co_await wait_on(table, parts->front(), min_rows, until);
        co_return first_failure(*parts);
    }
    const auto state = co_await asio::this_coro::cancellation_state;
    for (;;) {
        std::vector<Task> checks;
        for (auto& part : *parts) {
            checks.emplace_back([table, &part, now = steady_clock::now()]() -> asio::awaitable<void> {
                co_await wait_on(table, part, 1, now);
            });
        }
        co_await run_all(std::move(checks));
        auto failed = first_failure(*parts);
        if (failed.has_error()) co_return failed;
        const auto total = total_available(*parts);
        if (total >= min_rows || steady_clock::now() >= until) co_return Result<void>();
        if (state.cancelled() != asio::cancellation_type::none)
            co_return make_error(ErrorCode::cancelled, "the client has gone away");
        co_await wait_for_any(table, *parts, min_rows - total, until);
        failed = first_failure(*parts);
        if (failed.has_error()) co_return failed;
    }
}

asio::awaitable<Result<void>> ReadRouter::wait_for_offsets(TablePtr table, OffsetMap min_offsets,
                                                           rpc::Deadline deadline) {
    // Each partition for itself: a wait counts the records of its partitions together.
    std::vector<Part> parts;
    for (const auto& [partition, offset] : min_offsets) {
        if (offset <= 0) continue;
        auto part = split(routes_.of(*table), OffsetMap{{partition, offset - 1}});
        if (part.has_error()) co_return std::move(part).error();
        parts.push_back(std::move(part->front()));
    }
    if (parts.empty()) co_return Result<void>();
    std::vector<Task> tasks;
    for (auto& part : parts) {
        tasks.emplace_back([table, &part, deadline]() -> asio::awaitable<void> {
            co_await wait_on(table, part, 1, deadline);
        });
    }
    co_await run_all(std::move(tasks));
    auto failed = first_failure(parts);
    if (failed.has_error()) co_return failed;
    std::string missing;
    for (const auto& part : parts) {
        if (part.available != 0) continue;
        const auto& position = part.positions.front();
        missing += (missing.empty() ? "" : ", ") + std::to_string(position.partition.value) + " at " +
                   std::to_string(position.offset + 1);
    }
    if (missing.empty()) co_return Result<void>();
    co_return make_error(ErrorCode::timeout, "table '" + table->name +
                                                 "' has not reached min_offsets in time: partition " +
                                                 missing + "; ask again, or with a longer timeout_ms");
}

asio::awaitable<Result<OffsetMap>> ReadRouter::read(TablePtr table, OffsetMap from, std::uint64_t read_count,
                                                    std::string_view format, std::size_t bytes_max,
                                                    FrameSink sink, rpc::Deadline deadline) {
    auto parts = split(routes_.of(*table), from);
    if (parts.has_error()) co_return std::move(parts).error();
    const auto bytes_each = std::max<std::size_t>(1, bytes_max / parts->size());
    // All slaves begin at once; their frames wait in the connections until it is their turn.
    std::vector<OpenRead> streams(parts->size());
    std::vector<Task> tasks;
    for (std::size_t i = 0; i < parts->size(); ++i) {
        auto& part = (*parts)[i];
        rpc::ReadRequest request;
        request.table = rpc::table_ref(*table);
        request.schema = table->schema.id;
        request.partitions = part.positions;
        request.read_count = read_count;
        request.format = format;
        request.bytes_max = bytes_each;
        auto json = rpc::encode(request);
        tasks.emplace_back([&part, &table, &stream = streams[i], json = std::move(json),
                            deadline]() -> asio::awaitable<void> {
            auto opened = co_await open_read(part, *table, json, deadline);
            if (opened.has_error())
                part.failure = std::move(opened).error();
            else
                stream = std::move(*opened);
        });
    }
    co_await run_all(std::move(tasks));
    auto failed = first_failure(*parts);
    if (failed.has_error()) co_return std::move(failed).error();
    OffsetMap next = std::move(from);
    std::optional<Error> broken;  // one partition's; the others are read to their end
    for (auto& stream : streams) {
        auto frame = std::move(stream.first);
        while (frame) {
            auto passed = co_await sink(std::move(*frame));
            if (passed.has_error()) co_return std::move(passed).error();
            auto next_frame = co_await stream.stream->next(deadline);
            if (next_frame.has_error()) co_return std::move(next_frame).error();
            frame = std::move(*next_frame);
        }
        auto reached = rpc::decode_reply<rpc::ReadReply>(stream.stream->end_json());
        if (reached.has_error()) co_return std::move(reached).error();
        for (auto& result : reached->partitions) {
            next[result.partition.value] = result.next;
            if (result.error && !broken) broken = std::move(result.error);
        }
        stream.stream.reset();
    }
    if (broken) co_return std::move(*broken);
    co_return next;
}

asio::awaitable<Result<TableOffsets>> ReadRouter::offsets(TablePtr table, rpc::Deadline deadline) {
    auto parts = split(routes_.of(*table), all_partitions(*table));
    if (parts.has_error()) co_return std::move(parts).error();
    std::vector<Task> tasks;
    for (auto& part : *parts) {
        rpc::OffsetsRequest request;
        request.table = rpc::table_ref(*table);
        for (const auto& position : part.positions)
            request.partitions.push_back({position.partition, position.leader_epoch});
        tasks.emplace_back([&part, json = rpc::encode(request), deadline]() -> asio::awaitable<void> {
            auto reply = co_await part.slave->call(rpc::Method::offsets, json, {}, deadline);
            auto decoded = reply.has_error() ? Result<rpc::OffsetsReply>(std::move(reply).error())
                                             : rpc::decode_reply<rpc::OffsetsReply>(reply->end_json);
            if (decoded.has_error()) {
                part.failure = std::move(decoded).error();
                co_return;
            }
            for (const auto& [partition, first, end] : decoded->partitions) {
                part.offsets.first[partition.value] = first;
                part.offsets.end[partition.value] = end;
            }
        });
    }
    co_await run_all(std::move(tasks));
    auto failed = first_failure(*parts);
    if (failed.has_error()) co_return std::move(failed).error();
    TableOffsets all;
    for (auto& part : *parts) {
        all.first.merge(part.offsets.first);
        all.end.merge(part.offsets.end);
    }
    co_return all;
}

namespace {

// Sums up what the slaves report and passes it on, at most so often.
class ProgressSum {
  public:
    ProgressSum(std::vector<Part>& parts, ReadRouter::ProgressSink sink)
        : parts_(parts), sink_(std::move(sink)) {}

    // A report that is not understood is left out: the work itself goes on.
    asio::awaitable<void> report(Part& part, std::string_view json, bool last) {
        if (!sink_) co_return;
        auto now = rpc::decode_reply<CompressProgress>(json);
        if (now.has_value()) part.progress = *now;
        const auto time = steady_clock::now();
        if (last || sending_ || time < next_) co_return;
        next_ = time + kInterval;
        co_await send();
    }
    asio::awaitable<void> send() {
        if (!sink_ || failed_) co_return;
        CompressProgress sum;
        for (const auto& part : parts_) {
            sum.rows_done += part.progress.rows_done;
            sum.rows_total += part.progress.rows_total;
            sum.bytes += part.progress.bytes;
        }
        sending_ = true;
        auto sent = co_await sink_(sum);
        sending_ = false;
        failed_ = sent.has_error();
    }

  private:
    static constexpr milliseconds kInterval{400};
    std::vector<Part>& parts_;
    ReadRouter::ProgressSink sink_;
    bool sending_ = false;
    bool failed_ = false;
    steady_clock::time_point next_{};
};

asio::awaitable<void> compress_on(TablePtr table, Part& part, rpc::Deadline deadline, ProgressSum& sum) {
    const rpc::CompressRequest request{rpc::table_ref(*table), part.partitions()};
    auto stream = co_await part.slave->open(rpc::Method::compress, rpc::encode(request), {}, deadline);
    if (stream.has_error()) {
        part.failure = std::move(stream).error();
        co_return;
    }
    for (;;) {
        auto progress = co_await (*stream)->next(deadline);
        if (progress.has_error()) {
            part.failure = std::move(progress).error();
            co_return;
        }
        if (!progress->has_value()) break;
        const auto json = (**progress).view();
        co_await sum.report(part, json, false);
    }
    const auto& end = (*stream)->end_json();
    co_await sum.report(part, end, true);
    part.done = true;
}

}  // namespace

asio::awaitable<Result<void>> ReadRouter::compress(TablePtr table, rpc::Deadline deadline,
                                                   ProgressSink progress) {
    auto parts = split(routes_.of(*table), all_partitions(*table));
    if (parts.has_error()) co_return std::move(parts).error();
    ProgressSum sum(*parts, std::move(progress));
    std::vector<Task> tasks;
    for (auto& part : *parts) {
        tasks.emplace_back([table, &part, deadline, &sum]() -> asio::awaitable<void> {
            co_await compress_on(table, part, deadline, sum);
        });
    }
    co_await run_all(std::move(tasks));
    std::string compacted;
    for (const auto& part : *parts)
        if (part.done) compacted += (compacted.empty() ? "" : ", ") + part.node;
    auto failed = first_failure(*parts);
    if (failed.has_error() && !compacted.empty())
        co_return make_error(ErrorCode::partial, "compaction is complete on " + compacted +
                                                     " only: " + failed.error().to_text() + "; repeat it");
    if (!failed.has_error()) co_await sum.send();
    co_return failed;
}

namespace {

// As clients get it: with the slave's address.
std::string check_row_json(const rpc::CheckRow& row, const std::string& node) {
    std::string json = "{\"partition\":" + std::to_string(row.partition.value) + ",\"slave\":";
    append_json_string(json, node);
    json += ",\"live_rows\":" + std::to_string(row.live_rows) +
            ",\"records\":" + std::to_string(row.records) + ",\"bytes\":" + std::to_string(row.bytes) +
            ",\"hash\":";
    append_json_string(json, row.hash);
    json += ",\"problems\":[";
    for (std::size_t i = 0; i < row.problems.size(); ++i) {
        if (i != 0) json += ',';
        append_json_string(json, row.problems[i]);
    }
    return json + "]}";
}

}  // namespace

asio::awaitable<Result<void>> ReadRouter::check(TablePtr table, bool repair, RowSink sink,
                                                rpc::Deadline deadline) {
    auto parts = split(routes_.of(*table), all_partitions(*table));
    if (parts.has_error()) co_return std::move(parts).error();
    std::vector<std::unique_ptr<rpc::RpcStream>> streams(parts->size());
    for (std::size_t i = 0; i < parts->size(); ++i) {
        auto& part = (*parts)[i];
        const rpc::CheckRequest request{rpc::table_ref(*table), part.partitions(), repair,
                                        milliseconds_until(deadline, 1)};
        auto opened = co_await part.slave->open(rpc::Method::check, rpc::encode(request), {}, deadline);
        if (opened.has_error()) co_return std::move(opened).error();
        streams[i] = std::move(*opened);
    }
    for (std::size_t i = 0; i < parts->size(); ++i) {
        for (;;) {
            auto frame = co_await streams[i]->next(deadline);
            if (frame.has_error()) co_return std::move(frame).error();
            if (!frame->has_value()) break;
            auto row = rpc::decode_reply<rpc::CheckRow>((*frame)->view());
            if (row.has_error()) co_return std::move(row).error();
            auto passed = co_await sink(check_row_json(*row, (*parts)[i].node));
            if (passed.has_error()) co_return std::move(passed).error();
        }
        streams[i].reset();
    }
    co_return Result<void>();
}

}  // namespace dl::master
