#include "common/meta/placement.h"

#include <algorithm>
#include <set>
#include <string>

namespace dl {
namespace {

Error wrong(const std::string& what) {
    return make_error(ErrorCode::invalid_request, "a placement " + what);
}

bool contains(const std::vector<NodeId>& nodes, NodeId node) {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

void collect(const PartitionPlacement& placement, std::set<NodeId>& nodes) {
    for (const auto* list : {&placement.replicas, &placement.in_sync, &placement.eligible, &placement.adding,
                             &placement.removing})
        nodes.insert(list->begin(), list->end());
    if (placement.leader != NodeId{}) nodes.insert(placement.leader);
}

}  // namespace

bool is_in_sync(const PartitionPlacement& placed, NodeId node) {
    return placed.leader == node || std::ranges::find(placed.in_sync, node) != placed.in_sync.end();
}

PartitionPlacement placed_on(NodeId node) {
    PartitionPlacement placement;
    placement.leader = node;
    placement.last_leader = node;
    placement.in_sync = {node};
    placement.replicas = {node};
    return placement;
}

std::vector<NodeId> nodes_of(const PartitionPlacement& placement) {
    std::set<NodeId> nodes;
    collect(placement, nodes);
    return {nodes.begin(), nodes.end()};
}

std::vector<NodeId> nodes_of(const TablePlacement& placement) {
    std::set<NodeId> nodes;
    for (const auto& partition : placement.partitions)
        collect(partition, nodes);
    return {nodes.begin(), nodes.end()};
}

LeaderEpochs epochs_on(const TablePlacement& placement, NodeId node) {
    LeaderEpochs epochs;
    for (std::size_t i = 0; i < placement.partitions.size(); ++i) {
        const auto nodes = nodes_of(placement.partitions[i]);
        if (std::binary_search(nodes.begin(), nodes.end(), node))
            epochs[PartitionId{static_cast<std::uint32_t>(i)}] = placement.partitions[i].leader_epoch;
    }
    return epochs;
}

Result<void> check_placement(const PartitionPlacement& placement) {
    const struct {
        const char* name;
        const std::vector<NodeId>& nodes;
    } sets[] = {{"in_sync", placement.in_sync},
                {"eligible", placement.eligible},
                {"replicas", placement.replicas},
                {"adding", placement.adding},
                {"removing", placement.removing}};
    for (const auto& [name, nodes] : sets) {
        std::set<NodeId> seen;
        for (const auto node : nodes)
            if (node == NodeId{} || !seen.insert(node).second)
                return wrong(std::string("names a node twice, or none, in ") + name);
    }
    if (placement.leader_epoch == LeaderEpoch{}) return wrong("has no leader epoch");
    if (placement.replicas.empty()) return wrong("has no replicas");
    if (placement.min_in_sync == 0 || placement.min_in_sync > placement.replicas.size())
        return wrong("has a min_in_sync that its replicas cannot reach");
    if (placement.leader != NodeId{} && !contains(placement.in_sync, placement.leader))
        return wrong("has a leader that is not in sync");
    for (const auto node : placement.in_sync) {
        if (!contains(placement.replicas, node) && !contains(placement.removing, node))
            return wrong("has an in_sync member without a copy");
        if (contains(placement.eligible, node)) return wrong("has a member in in_sync and in eligible");
    }
    for (const auto node : placement.adding)
        if (!contains(placement.replicas, node)) return wrong("adds a node that is not among its replicas");
    for (const auto node : placement.removing)
        if (contains(placement.replicas, node)) return wrong("removes a node that is among its replicas");
    return {};
}

Result<void> check_placement_change(const PartitionPlacement& before, const PartitionPlacement& after) {
    DL_TRY(check_placement(after));
    if (after.leader_epoch < before.leader_epoch) return wrong("goes back to an older leader epoch");
    if (after.leader != NodeId{} && after.leader != before.leader &&
        after.leader_epoch == before.leader_epoch)
        return wrong("has a new leader without a new leader epoch");
    return {};
}

}  // namespace dl
