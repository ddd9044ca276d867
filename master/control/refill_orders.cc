#include "master/control/refill_orders.h"

#include <algorithm>

namespace dl::master {
namespace {

bool is_one_of(const std::vector<NodeId>& nodes, NodeId node) {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

}  // namespace

UnsoundCopies unsound_copies(const TableMeta& table, PartitionId partition, const PartitionPlacement& placed,
                             const std::vector<NodeView>& nodes, const CopyProgress& progress) {
    UnsoundCopies unsound;
    for (const auto node : placed.in_sync) {
        const auto view =
            std::find_if(nodes.begin(), nodes.end(), [&](const NodeView& one) { return one.id == node; });
        if (view == nodes.end())
            unsound[node] = "slave number " + std::to_string(node.value) + " has been replaced by another";
        else if (view->state == NodeView::State::stopping)
            unsound[node] = "slave " + view->address + " is being stopped";
        else if (view->state != NodeView::State::live)
            unsound[node] = "slave " + view->address + " does not answer";
        else if (progress.is_stuck(table.id, partition, node))
            unsound[node] = "slave " + view->address +
                            " says of its copy: " + progress.error_of(table.id, partition, node);
    }
    return unsound;
}

std::optional<Error> refill_refused(const TableMeta& table, PartitionId partition,
                                    const PartitionPlacement& placed, const NodeView& slave,
                                    const UnsoundCopies& unsound) {
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
    if (const auto leader = unsound.find(placed.leader); leader != unsound.end())
        return refuse(name + " has no leader to copy from now: " + leader->second +
                      "; cluster_status says when another one leads");
    if (!is_one_of(placed.in_sync, slave.id)) return std::nullopt;
    std::size_t sound = 0;
    std::string why;
    for (const auto node : placed.in_sync) {
        if (node == slave.id) continue;
        const auto found = unsound.find(node);
        if (found == unsound.end())
            ++sound;
        else
            why += "; " + found->second;
    }
    // min_in_sync is 1 at least: the leader.
    if (sound >= placed.min_in_sync) return std::nullopt;
    return refuse("without the copy on slave " + slave.address + " " + std::to_string(sound) + " of " + name +
                  (sound == 1 ? " is" : " are") + " in sync, and a write needs " +
                  std::to_string(placed.min_in_sync) + " (min_in_sync)" + why +
                  "; wait until the others are, cluster_status says how far they are");
}

std::optional<Error> RefillOrders::begin(const TableMeta& table, PartitionId partition,
                                         const PartitionPlacement& placed, const NodeView& slave,
                                         UnsoundCopies unsound, Time now) {
    const std::lock_guard lock(mutex_);
    for (auto& of_partition : orders_)
        std::erase_if(of_partition.second,
                      [&](const auto& order) { return now - order.second.given >= kHeardWithin; });
    std::erase_if(orders_, [](const auto& of_partition) { return of_partition.second.empty(); });
    if (const auto others = orders_.find({table.id, partition}); others != orders_.end())
        for (const auto& [node, order] : others->second)
            if (node != slave.id)
                unsound[node] = "the copy on slave " + order.address + " is just being made anew";
    if (auto refused = refill_refused(table, partition, placed, slave, unsound)) return refused;
    orders_[{table.id, partition}][slave.id] = {slave.address, now};
    return std::nullopt;
}

void RefillOrders::end(TableId table, PartitionId partition, NodeId node) {
    const std::lock_guard lock(mutex_);
    const auto found = orders_.find({table, partition});
    if (found == orders_.end()) return;
    found->second.erase(node);
    if (found->second.empty()) orders_.erase(found);
}

}  // namespace dl::master
