#include "master/routing/log_reading.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/async/run_all.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

// For the first records of a copy; whoever leads is asked then.
constexpr auto kCopyPatience = std::chrono::seconds(2);

}  // namespace

std::vector<rpc::PartitionPosition> positions(const SlaveShare& share, const OffsetMap& from) {
    std::vector<rpc::PartitionPosition> list;
    list.reserve(share.partitions.size());
    for (const auto& [partition, epoch] : share.partitions)
        list.push_back({partition, epoch, from.at(partition.value)});
    return list;
}

LogReading::LogReading(const RouteTable& routes, TablePtr table, const ReadRouter::Wanted& wanted)
    : routes_(routes), table_(std::move(table)), wanted_(wanted) {
    for (const auto& [partition, offset] : wanted.from)
        results_[partition] = rpc::ReadResult{PartitionId{partition}, offset, {}};
}

asio::awaitable<Result<void>> LogReading::open(const SlaveShare& share, rpc::CallTrace& trace,
                                               std::size_t bytes_max, rpc::Deadline deadline, bool any) {
    rpc::ReadRequest request;
    request.table = rpc::table_ref(*table_);
    request.schema = table_->schema.id;
    request.partitions = positions(share, wanted_.from);
    request.read_count = wanted_.read_count;
    request.format = wanted_.format;
    request.check_end = wanted_.check_end;
    request.any = any;
    if (any)
        for (auto& position : request.partitions)
            if (const auto least = wanted_.least.find(position.partition.value); least != wanted_.least.end())
                position.min_offset = least->second;
    request.bytes_max = bytes_max;
    auto opened =
        co_await share.route.slave->open(rpc::Method::read, rpc::encode(request), {}, deadline, &trace);
    if (opened.has_error()) co_return std::move(opened).error();
    auto first = co_await (*opened)->next(deadline);
    trace.lost = (*opened)->lost();
    if (first.has_error()) co_return std::move(first).error();
    auto& read = streams_[share.partitions.front().partition];
    read.partitions = share.ids();
    read.stream = std::move(*opened);
    read.first = std::move(*first);
    const auto placement = routes_.catalog().placement(table_->id);
    read.any = any;
    if (placement != nullptr && has_copies(*placement))
        for (const auto& part : share.partitions)
            read.led.push_back({table_->id, part.partition, share.route.node, part.leader_epoch, any});
    co_return Result<void>();
}

asio::awaitable<std::vector<PartitionId>> LogReading::open_copies(std::size_t bytes_each,
                                                                  rpc::Deadline deadline) {
    std::map<NodeId, SlaveShare> shares;
    std::vector<PartitionId> left;
    for (const auto& entry : wanted_.from) {
        const PartitionId partition{entry.first};
        auto copy = wanted_.any->copy_of(routes_, *table_, partition);
        if (!copy) {
            left.push_back(partition);
            continue;
        }
        const auto epoch = copy->epoch;
        auto& share = shares[copy->node];
        share.route = std::move(*copy);
        share.partitions.push_back({partition, epoch});
    }
    std::vector<Task> tasks;
    for (auto& [node, share] : shares)
        tasks.emplace_back([this, &left, &share, bytes_each, deadline] {
            return open_copy(share, bytes_each, deadline, left);
        });
    co_await run_all(std::move(tasks));
    std::sort(left.begin(), left.end());
    co_return left;
}

asio::awaitable<void> LogReading::open_copy(const SlaveShare& share, std::size_t bytes_max,
                                            rpc::Deadline deadline, std::vector<PartitionId>& left) {
    rpc::CallTrace trace;
    const auto soon = std::min(deadline, steady_clock::now() + kCopyPatience);
    Result<void> opened = make_error(ErrorCode::cancelled, "the read was cancelled");
    Task attempt = [&]() -> asio::awaitable<void> {
        auto done = co_await open(share, trace, bytes_max, soon, true);
        opened = std::move(done);
    };
    std::vector<LedPartition> asked;
    for (const auto& part : share.partitions)
        asked.push_back({table_->id, part.partition, share.route.node, part.leader_epoch, true});
    (void)co_await run_while_led(routes_, std::move(asked), std::move(attempt));
    if (opened.has_value()) co_return;
    const auto ids = share.ids();
    left.insert(left.end(), ids.begin(), ids.end());
}

void LogReading::failed(const std::vector<PartitionId>& partitions, const Error& error) {
    for (const auto partition : partitions)
        results_.at(partition.value).error = error;
}

asio::awaitable<Result<void>> LogReading::pass_on(const ReadRouter::FrameSink& sink, rpc::Deadline deadline) {
    for (auto& [partition, open] : streams_) {
        auto ended = co_await pass_on(open, sink, deadline);
        if (ended.has_error()) co_return ended;
        open.stream.reset();
    }
    streams_.clear();
    co_return Result<void>();
}

asio::awaitable<Result<void>> LogReading::pass_on(OpenRead& open, const ReadRouter::FrameSink& sink,
                                                  rpc::Deadline deadline) {
    auto frame = std::move(open.first);
    while (frame) {
        auto passed = co_await sink(std::move(*frame));
        if (passed.has_error()) co_return passed;
        std::optional<Result<std::optional<SharedBytes>>> next;
        Task take = [&]() -> asio::awaitable<void> {
            auto taken = co_await open.stream->next(deadline);
            next.emplace(std::move(taken));
        };
        const bool moved = co_await run_while_led(routes_, open.led, std::move(take));
        if (!next || next->has_error()) {
            const auto error = moved || !next ? make_error(ErrorCode::unavailable,
                                                           "the slave does not answer, and another leads now")
                                              : next->error();
            failed(open.partitions, error.in("broke off; read on behind the last record that came"));
            co_return Result<void>();
        }
        frame = std::move(**next);
    }
    auto reply = rpc::decode_reply<rpc::ReadReply>(open.stream->end_json());
    if (reply.has_error()) {
        failed(open.partitions, reply.error());
        co_return Result<void>();
    }
    for (auto& result : reply->partitions) {
        const auto known = results_.find(result.partition.value);
        if (known == results_.end()) continue;
        if (open.any && result.error && result.next == known->second.next)
            unread_.push_back(result.partition);
        known->second = std::move(result);
    }
    co_return Result<void>();
}

std::vector<PartitionId> LogReading::take_unread() {
    for (const auto partition : unread_)
        results_.at(partition.value).error.reset();
    return std::exchange(unread_, {});
}

std::vector<rpc::ReadResult> LogReading::results() && {
    std::vector<rpc::ReadResult> list;
    for (auto& entry : results_)
        list.push_back(std::move(entry.second));
    return list;
}

}  // namespace dl::master
