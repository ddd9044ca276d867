#include "master/routing/route_table.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/rpc/messages/replica_messages.h"

namespace dl::master {
namespace {

Error taken(const Node& node) {
    return make_error(
        ErrorCode::unavailable,
        "the slave last seen at " + node.address +
            " is away, and one with other data answers at that address; start a slave on the data "
            "directory of the first");
}

}  // namespace

LeaderEpochs unassigned_epochs(const TablePlacement& placement, NodeId node) {
    auto epochs = epochs_on(placement, node);
    std::erase_if(
        epochs, [&](const auto& entry) { return rpc::is_assigned(placement.partitions[entry.first.value]); });
    return epochs;
}

bool has_copies(const TablePlacement& placement) {
    return std::any_of(placement.partitions.begin(), placement.partitions.end(), rpc::is_assigned);
}

std::string TableRoutes::needed_slaves(const PartitionPlacement& placed) const {
    auto needed = placed.in_sync;
    needed.insert(needed.end(), placed.eligible.begin(), placed.eligible.end());
    if (needed.empty()) needed.push_back(placed.last_leader);
    std::string list;
    for (const auto id : needed) {
        const auto found = nodes_->find(id);
        list += (list.empty() ? "" : ", ") +
                (found == nodes_->end() ? "node " + std::to_string(id.value) : found->second.address);
    }
    return list;
}

Result<TableRoutes::Leader> TableRoutes::leader(PartitionId partition) const {
    const auto what = [&] {
        return "partition " + std::to_string(partition.value) + " of table '" + table_ + "'";
    };
    if (placement_ == nullptr)
        return make_error(ErrorCode::table_not_found, "table '" + table_ + "' was dropped meanwhile");
    DL_CHECK(partition.value < placement_->partitions.size(), "every partition of a table has a placement");
    const auto& placed = placement_->partitions[partition.value];
    if (placed.leader == NodeId{})
        return make_error(ErrorCode::unavailable, what() + " has no leader: " + needed_slaves(placed) +
                                                      " had all its rows when last heard of; one of these "
                                                      "must be running (cluster_status says more)");
    const auto found = nodes_->find(placed.leader);
    if (found == nodes_->end())
        return make_error(ErrorCode::corrupt_data,
                          what() + " is on a slave that the catalog does not know; restore the catalog");
    if (found->second.displaced) return taken(found->second).in(what());
    return Leader{&found->second, placed.leader_epoch};
}

Result<std::string> TableRoutes::leader_address(PartitionId partition) const {
    DL_TRY_ASSIGN(const auto leading, leader(partition));
    return leading.node->address;
}

std::vector<std::string> TableRoutes::copy_addresses(PartitionId partition) const {
    std::vector<std::string> addresses(1);
    if (placement_ == nullptr || partition.value >= placement_->partitions.size()) return addresses;
    const auto& placed = placement_->partitions[partition.value];
    const auto address_of = [&](NodeId id) {
        const auto found = nodes_->find(id);
        return found == nodes_->end() ? std::string() : found->second.address;
    };
    addresses[0] = address_of(placed.leader);
    for (const auto node : placed.replicas)
        if (node != placed.leader) addresses.push_back(address_of(node));
    return addresses;
}

Result<Route> TableRoutes::find(PartitionId partition) const {
    DL_TRY_ASSIGN(const auto leading, leader(partition));
    DL_TRY_ASSIGN(auto slave, slaves_->client(leading.node->address));
    return Route{leading.node->id, leading.epoch, leading.node->address, std::move(slave)};
}

Result<Route> RouteTable::node(NodeId id) const {
    const auto nodes = catalog_.nodes();
    const auto found = nodes->find(id);
    if (found == nodes->end())
        return make_error(ErrorCode::unavailable, "a slave that the catalog does not know");
    if (found->second.displaced) return taken(found->second);
    DL_TRY_ASSIGN(auto slave, slaves_.client(found->second.address));
    return Route{id, LeaderEpoch{}, found->second.address, std::move(slave)};
}

Result<Route> RouteTable::at_address(const std::string& address) const {
    DL_TRY_ASSIGN(auto slave, slaves_.client(address));
    const auto nodes = catalog_.nodes();
    for (const auto& [id, node] : *nodes)
        if (node.address == address && !node.displaced)
            return Route{id, LeaderEpoch{}, address, std::move(slave)};
    return make_error(ErrorCode::unavailable, "no slave of the catalog is at " + address + " any more");
}

}  // namespace dl::master
