#include "master/routing/read_router.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <map>
#include <optional>
#include <utility>

#include "common/async/run_all.h"
#include "master/routing/log_reading.h"
#include "master/routing/rpc_timeout.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::vector<PartitionId> partitions_of(const OffsetMap& from) {
    std::vector<PartitionId> list;
    list.reserve(from.size());
    for (const auto& entry : from)
        list.push_back(PartitionId{entry.first});
    return list;
}

// A poll waits for a leader a little beyond its own time rather than fail.
constexpr auto kElection = std::chrono::seconds(5);

// Keeps the first failure of the shares of a call.
PartitionCaller::Failed keep_first(std::optional<Error>& failure) {
    return [&failure](const SlaveShare&, Error error) {
        if (!failure) failure = std::move(error);
    };
}

// Records of some partitions that are waited for together.
struct Waiting {
    bool check_end = false;  // of the positions
    std::uint64_t available = 0;
    std::optional<Error> failure;
};

// The slave keeps the time, the deadline only guards against silence.
PartitionCaller::Call wait_call(TablePtr table, const OffsetMap& from, std::uint64_t min_rows,
                                rpc::Deadline until, Waiting& waiting) {
    PartitionCaller::Call call;
    call.table = table;
    call.partitions = partitions_of(from);
    call.deadline = std::max(until, steady_clock::now()) + std::chrono::seconds(5);
    call.attempt = [table, &from, min_rows, until, deadline = call.deadline, &waiting](
                       const SlaveShare& share, rpc::CallTrace& trace) -> asio::awaitable<Result<void>> {
        rpc::WaitRequest request;
        request.table = rpc::table_ref(*table);
        request.partitions = positions(share, from);
        request.min_rows = min_rows;
        request.check_end = waiting.check_end;
        request.wait_ms = std::min(milliseconds_until(until, 0), limits::long_poll_wait_ms_max);
        DL_CO_TRY_ASSIGN(auto reply, co_await share.route.slave->call(rpc::Method::wait, rpc::encode(request),
                                                                      {}, deadline, &trace));
        DL_CO_TRY_ASSIGN(auto decoded, rpc::decode_reply<rpc::WaitReply>(reply.end_json));
        waiting.available = decoded.available;
        co_return Result<void>();
    };
    call.failed = keep_first(waiting.failure);
    return call;
}

// The partitions of a long poll that one slave leads.
struct Poll {
    OffsetMap from;
    Waiting waiting;
};

asio::awaitable<void> wait_on(const PartitionCaller& caller, TablePtr table, Poll& poll,
                              std::uint64_t min_rows, rpc::Deadline until) {
    const auto call = wait_call(std::move(table), poll.from, min_rows, until, poll.waiting);
    co_await caller.run(call);
}

std::optional<Error> first_failure(std::vector<Poll>& polls) {
    for (auto& poll : polls)
        if (poll.waiting.failure) return std::move(poll.waiting.failure);
    return std::nullopt;
}

std::uint64_t total_available(const std::vector<Poll>& polls) {
    std::uint64_t total = 0;
    for (const auto& poll : polls)
        total += poll.waiting.available;
    return total;
}

Error offsets_missing(const TableMeta& table, const OffsetMap& offsets) {
    std::string missing;
    for (const auto& [partition, offset] : offsets)
        missing +=
            (missing.empty() ? "" : ", ") + std::to_string(partition) + " at " + std::to_string(offset);
    return make_error(ErrorCode::timeout, "table '" + table.name +
                                              "' has not reached the offsets asked for in time: partition " +
                                              missing + "; ask again, or with a longer timeout_ms");
}

// Waits on all slaves at once until one of them has its share of what is missing.
asio::awaitable<void> wait_for_any(const PartitionCaller& caller, TablePtr table, std::vector<Poll>& polls,
                                   std::uint64_t missing, rpc::Deadline until) {
    const auto share = std::max<std::uint64_t>(1, (missing + polls.size() - 1) / polls.size());
    std::vector<RaceTask> races;
    for (auto& poll : polls) {
        const auto min_rows = poll.waiting.available + share;
        races.emplace_back([&caller, table, &poll, min_rows, until]() -> asio::awaitable<bool> {
            co_await wait_on(caller, table, poll, min_rows, until);
            co_return poll.waiting.failure.has_value() || poll.waiting.available >= min_rows;
        });
    }
    co_await run_until_first(std::move(races));
    // Those that lost the race were cancelled; that is no failure.
    for (auto& poll : polls)
        if (poll.waiting.failure && poll.waiting.failure->code == ErrorCode::cancelled)
            poll.waiting.failure.reset();
}

}  // namespace

Result<OffsetMap> read_outcome(const TableMeta& table, const std::vector<rpc::ReadResult>& results) {
    OffsetMap next;
    std::string failed, go_on;
    const Error* cause = nullptr;
    std::size_t failures = 0;
    for (const auto& result : results) {
        next[result.partition.value] = result.next;
        go_on += (go_on.empty() ? "" : ", ") + std::to_string(result.partition.value) + " at " +
                 std::to_string(result.next);
        if (!result.error) continue;
        ++failures;
        failed += (failed.empty() ? "" : ",") + std::to_string(result.partition.value);
        if (cause == nullptr) cause = &*result.error;
    }
    if (cause == nullptr) return next;
    if (failures == results.size()) return *cause;
    return make_error(cause->code, "table '" + table.name + "': partitions that failed: " + failed + " (" +
                                       cause->message +
                                       "); of the others the records were sent; read on: " + go_on);
}

asio::awaitable<Result<void>> ReadRouter::wait_for_rows(TablePtr table, OffsetMap from,
                                                        std::uint64_t min_rows, bool check_end,
                                                        rpc::Deadline until) {
    std::optional<Error> unplaced;
    auto asked = partitions_of(from);
    co_await caller_.until_led(table, std::move(asked), std::max(until, steady_clock::now()) + kElection);
    const auto shares = caller_.group(*table, partitions_of(from), keep_first(unplaced));
    if (unplaced) co_return std::move(*unplaced);
    std::vector<Poll> polls;
    for (const auto& share : shares) {
        auto& poll = polls.emplace_back();
        poll.waiting.check_end = check_end;
        for (const auto& part : share.partitions)
            poll.from[part.partition.value] = from.at(part.partition.value);
    }
    if (polls.size() == 1) {
        co_await wait_on(caller_, table, polls.front(), min_rows, until);
        if (auto failed = first_failure(polls)) co_return std::move(*failed);
        co_return Result<void>();
    }
    const auto state = co_await asio::this_coro::cancellation_state;
    for (;;) {
        std::vector<Task> checks;
        for (auto& poll : polls)
            checks.emplace_back([this, table, &poll, now = steady_clock::now()]() -> asio::awaitable<void> {
                co_await wait_on(caller_, table, poll, 1, now);
            });
        co_await run_all(std::move(checks));
        if (auto failed = first_failure(polls)) co_return std::move(*failed);
        const auto total = total_available(polls);
        if (total >= min_rows || steady_clock::now() >= until) co_return Result<void>();
        if (state.cancelled() != asio::cancellation_type::none)
            co_return make_error(ErrorCode::cancelled, "the client has gone away");
        co_await wait_for_any(caller_, table, polls, min_rows - total, until);
        if (auto failed = first_failure(polls)) co_return std::move(*failed);
    }
}

asio::awaitable<Result<OffsetMap>> ReadRouter::not_reached(TablePtr table, OffsetMap offsets,
                                                           rpc::Deadline deadline) {
    std::vector<PartitionId> partitions = partitions_of(offsets);
    DL_CO_TRY_ASSIGN(const auto now,
                     co_await offsets_of(table, std::move(partitions), std::nullopt, deadline));
    for (const auto& [partition, end] : now.end)
        if (const auto found = offsets.find(partition); found != offsets.end() && end >= found->second)
            offsets.erase(found);
    co_return offsets;
}

asio::awaitable<Result<void>> ReadRouter::wait_for_offsets(TablePtr table, OffsetMap min_offsets,
                                                           rpc::Deadline deadline) {
    std::erase_if(min_offsets, [](const auto& entry) { return entry.second <= 0; });
    const auto state = co_await asio::this_coro::cancellation_state;
    while (!min_offsets.empty()) {
        // Mostly they are there: one request a slave tells.
        DL_CO_TRY_ASSIGN(min_offsets, co_await not_reached(table, std::move(min_offsets), deadline));
        if (min_offsets.empty()) break;
        if (steady_clock::now() >= deadline) co_return offsets_missing(*table, min_offsets);
        if (state.cancelled() != asio::cancellation_type::none)
            co_return make_error(ErrorCode::cancelled, "the client has gone away");
        // All are needed, so one after the other will do: who waits holds one connection, however many
        // partitions there are. A slave ends a wait by itself before long.
        Poll poll;
        const auto& [partition, offset] = *min_offsets.begin();
        poll.from[partition] = offset - 1;
        co_await wait_on(caller_, table, poll, 1, deadline);
        if (poll.waiting.failure) co_return std::move(*poll.waiting.failure);
        if (poll.waiting.available == 0 && steady_clock::now() >= deadline)
            co_return offsets_missing(*table, min_offsets);
    }
    co_return Result<void>();
}

asio::awaitable<Result<std::vector<rpc::ReadResult>>> ReadRouter::read(TablePtr table, Wanted wanted,
                                                                       FrameSink sink,
                                                                       rpc::Deadline deadline) {
    LogReading reading(caller_.routes(), table, wanted);
    PartitionCaller::Call call;
    call.table = table;
    call.deadline = deadline;
    call.partitions = partitions_of(wanted.from);
    const auto shares = caller_.group(*table, call.partitions, [](const SlaveShare&, const Error&) {}).size();
    const auto bytes_each = std::max<std::size_t>(1, wanted.bytes_max / std::max<std::size_t>(1, shares));
    call.attempt = [&](const SlaveShare& share, rpc::CallTrace& trace) -> asio::awaitable<Result<void>> {
        return reading.open(share, trace, bytes_each, deadline);
    };
    call.failed = [&](const SlaveShare& share, const Error& error) { reading.failed(share.ids(), error); };
    if (wanted.any != nullptr) {
        auto left = co_await reading.open_copies(bytes_each, deadline);
        call.partitions = std::move(left);
    }
    // All slaves begin at once; their frames wait in the connections until it is their turn.
    if (!call.partitions.empty()) co_await caller_.run(call);
    DL_CO_TRY(co_await reading.pass_on(sink, deadline));
    call.partitions = reading.take_unread();
    if (!call.partitions.empty()) {
        co_await caller_.run(call);
        DL_CO_TRY(co_await reading.pass_on(sink, deadline));
    }
    co_return std::move(reading).results();
}

asio::awaitable<Result<TableOffsets>> ReadRouter::offsets(TablePtr table, rpc::Deadline deadline,
                                                          std::optional<std::int64_t> since_us) {
    auto partitions = all_partitions(*table);
    co_return co_await offsets_of(std::move(table), std::move(partitions), since_us, deadline);
}

asio::awaitable<Result<OffsetMap>> ReadRouter::offsets_since(TablePtr table,
                                                             std::vector<PartitionId> partitions,
                                                             std::int64_t since_us, rpc::Deadline deadline) {
    DL_CO_TRY_ASSIGN(auto found,
                     co_await offsets_of(std::move(table), std::move(partitions), since_us, deadline));
    co_return std::move(found.since);
}

asio::awaitable<Result<TableOffsets>> ReadRouter::offsets_of(TablePtr table,
                                                             std::vector<PartitionId> partitions,
                                                             std::optional<std::int64_t> since_us,
                                                             rpc::Deadline deadline) {
    TableOffsets all;
    std::optional<Error> failure;
    PartitionCaller::Call call;
    call.table = table;
    call.partitions = std::move(partitions);
    call.deadline = deadline;
    call.attempt = [&](const SlaveShare& share, rpc::CallTrace& trace) -> asio::awaitable<Result<void>> {
        const rpc::OffsetsRequest request{rpc::table_ref(*table), share.partitions, since_us};
        DL_CO_TRY_ASSIGN(auto reply, co_await share.route.slave->call(
                                         rpc::Method::offsets, rpc::encode(request), {}, deadline, &trace));
        DL_CO_TRY_ASSIGN(auto decoded, rpc::decode_reply<rpc::OffsetsReply>(reply.end_json));
        for (const auto& [partition, first, history, end, since] : decoded.partitions) {
            all.first[partition.value] = first;
            all.history[partition.value] = history;
            all.end[partition.value] = end;
            if (since_us && !since)
                co_return make_error(ErrorCode::internal,
                                     "a slave was asked for offsets by time and gave none");
            if (since) all.since[partition.value] = *since;
        }
        co_return Result<void>();
    };
    call.failed = keep_first(failure);
    co_await caller_.run(call);
    if (failure) co_return std::move(*failure);
    co_return all;
}

}  // namespace dl::master
