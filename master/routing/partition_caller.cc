#include "master/routing/partition_caller.h"

#include <algorithm>
#include <utility>

#include "common/async/run_all.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

}  // namespace

std::vector<PartitionId> SlaveShare::ids() const {
    std::vector<PartitionId> list;
    list.reserve(partitions.size());
    for (const auto& part : partitions)
        list.push_back(part.partition);
    return list;
}

std::vector<SlaveShare> PartitionCaller::group(const TableMeta& table,
                                               const std::vector<PartitionId>& partitions,
                                               const Failed& failed) const {
    const auto routes = routes_.of(table);
    std::vector<SlaveShare> shares;
    for (const auto partition : partitions) {
        auto route = routes.find(partition);
        if (route.has_error()) {
            failed(SlaveShare{{}, {{partition, {}}}}, std::move(route).error());
            continue;
        }
        auto share = std::find_if(shares.begin(), shares.end(),
                                  [&](const SlaveShare& one) { return one.route.node == route->node; });
        if (share == shares.end()) share = shares.insert(shares.end(), SlaveShare{*route, {}});
        share->partitions.push_back({partition, route->epoch});
    }
    return shares;
}

asio::awaitable<void> PartitionCaller::run(const Call& call) const {
    const auto placement = routes_.catalog().placement(call.table->id);
    if (placement != nullptr && has_copies(*placement)) {
        co_await run_with_copies(call, call.partitions);
        co_return;
    }
    auto shares = group(*call.table, call.partitions, call.failed);
    if (shares.size() == 1) {
        co_await run_share(call, std::move(shares.front()));
        co_return;
    }
    std::vector<Task> tasks;
    tasks.reserve(shares.size());
    for (auto& share : shares)
        tasks.emplace_back(
            [this, &call, &share]() -> asio::awaitable<void> { co_await run_share(call, std::move(share)); });
    co_await run_all(std::move(tasks));
}

asio::awaitable<void> PartitionCaller::run_share(const Call& call, SlaveShare share) const {
    SlaveCall retries(routes_, options_, {call.table}, call.lost, call.deadline, call.ask_until);
    for (;;) {
        rpc::CallTrace trace;
        auto done = co_await call.attempt(share, trace);
        if (done.has_value()) co_return;
        const bool led_elsewhere = done.error().code == ErrorCode::not_leader;
        auto again = co_await retries.settle(share.route, std::move(done).error(), trace);
        if (again.has_error()) {
            call.failed(share, std::move(again).error());
            co_return;
        }
        if (!led_elsewhere) continue;
        auto shares = group(*call.table, share.ids(), call.failed);
        if (shares.empty()) co_return;
        share = std::move(shares.front());
        // Leaders that part ways are rare: one after the other will do.
        for (std::size_t i = 1; i < shares.size(); ++i)
            co_await run_share(call, std::move(shares[i]));
    }
}

std::vector<PartitionId> all_partitions(const TableMeta& table) {
    std::vector<PartitionId> list;
    list.reserve(table.partition_count);
    for (std::uint32_t i = 0; i < table.partition_count; ++i)
        list.push_back(PartitionId{i});
    return list;
}

std::string partition_list(const std::vector<PartitionId>& partitions) {
    std::string list;
    for (const auto partition : partitions)
        list += (list.empty() ? "" : ",") + std::to_string(partition.value);
    return list;
}

}  // namespace dl::master
