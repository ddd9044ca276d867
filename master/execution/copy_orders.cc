#include "master/execution/copy_orders.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/async/pause.h"
#include "common/async/run_on.h"
#include "common/base/log.h"
#include "common/rpc/messages/copy_messages.h"
#include "master/execution/command_context.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kComponent = "master.copies";
constexpr std::chrono::milliseconds kOrderPatience{3000}, kOrderPause{100};

bool is_one_of(const std::vector<NodeId>& nodes, NodeId node) {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

Result<PartitionPlacement> placement_of(const Services& services, const TableMeta& table,
                                        PartitionId partition) {
    const auto placement = services.catalog.tables().placement(table.id);
    if (placement == nullptr || partition.value >= placement->partitions.size())
        return make_error(ErrorCode::table_not_found, "table '" + table.name + "' was dropped meanwhile");
    return placement->partitions[partition.value];
}

}  // namespace

std::optional<Error> refill_refused(const TableMeta& table, PartitionId partition,
                                    const PartitionPlacement& placed, const NodeView& slave) {
    const auto name = "partition " + std::to_string(partition.value) + " of table '" + table.name + "'";
    const auto refuse = [](const std::string& why) {
        return make_error(ErrorCode::invalid_request, "nothing was changed: " + why);
    };
    if (!is_one_of(placed.replicas, slave.id))
        return refuse("slave " + slave.address + " is to have no copy of " + name);
    if (placed.leader == NodeId{}) return refuse(name + " has no leader to copy from");
    if (placed.leader == slave.id)
        return refuse("slave " + slave.address + " leads " + name + ", others copy from it");
    if (is_one_of(placed.eligible, slave.id))
        return refuse("the copy of " + name + " on slave " + slave.address +
                      " may be needed yet: it holds everything that was acknowledged, and too few others are "
                      "in sync");
    const bool is_in_sync = is_one_of(placed.in_sync, slave.id);
    if (is_in_sync && placed.in_sync.size() <= placed.min_in_sync)
        return refuse("without the copy on slave " + slave.address + " " +
                      std::to_string(placed.in_sync.size() - 1) + " of " + name +
                      " are in sync, and a write needs " + std::to_string(placed.min_in_sync) +
                      " (min_in_sync); wait until the others are, cluster_status says how far they are");
    return std::nullopt;
}

asio::awaitable<Result<void>> refill_copy(Services& services, TablePtr table, PartitionId partition,
                                          NodeView slave, rpc::Deadline deadline) {
    auto client = services.routes.slaves().client(slave.address);
    if (client.has_error()) co_return std::move(client).error();
    // It may be about to be told a newer placement.
    const auto give_up = std::min(deadline, std::chrono::steady_clock::now() + kOrderPatience);
    for (;;) {
        auto placed = placement_of(services, *table, partition);
        if (placed.has_error()) co_return std::move(placed).error();
        if (auto refused = refill_refused(*table, partition, *placed, slave)) co_return std::move(*refused);
        rpc::RefillCopyRequest request;
        request.cluster_id = services.catalog.cluster_id();
        request.replica = {table->id, table->incarnation, partition};
        request.version = placed->version;
        const auto json = rpc::encode(request);
        std::vector<SharedBytes> nothing;
        auto ordered = co_await (*client)->call(rpc::Method::refill_copy, json, std::move(nothing), deadline);
        if (ordered.has_value()) break;
        auto error = std::move(ordered).error();
        const bool may_pass = error.code == ErrorCode::unavailable;
        const bool again = may_pass && co_await pause_before(give_up, kOrderPause);
        if (!again) co_return error.in("slave " + slave.address);
    }
    log_warn(kComponent, "a copy is made anew by order",
             {{"table", table->name}, {"partition", partition.value}, {"slave", slave.address}});
    co_return Result<void>();
}

asio::awaitable<Result<void>> lead_by(Services& services, TablePtr table, PartitionId partition,
                                      NodeView slave) {
    if (services.copies == nullptr)
        co_return make_error(ErrorCode::unavailable, "this master does not keep copies");
    auto placed = placement_of(services, *table, partition);
    if (placed.has_error()) co_return std::move(placed).error();
    auto next = led_by(*placed, slave.id, services.copies->states());
    if (!next)
        co_return make_error(ErrorCode::unavailable, "slave " + slave.address + " cannot lead partition " +
                                                         std::to_string(partition.value) + " of table '" +
                                                         table->name + "' now");
    // The first copy would be given the lead back before long.
    std::stable_partition(next->replicas.begin(), next->replicas.end(),
                          [&](NodeId node) { return node == slave.id; });
    auto change = [&catalog = services.catalog, id = table->id, partition, version = placed->version,
                   next = std::move(*next)] {
        return catalog.change_placement(id, partition, version, next);
    };
    auto changed = co_await run_on(services.work_pool, change);
    if (changed.has_error()) co_return std::move(changed).error();
    log_warn(kComponent, "another copy leads, by order: the one that led is wrong",
             {{"table", table->name}, {"partition", partition.value}, {"leader", slave.address}});
    co_return Result<void>();
}

}  // namespace dl::master
