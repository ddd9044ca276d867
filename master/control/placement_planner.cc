#include "master/control/placement_planner.h"

#include <tuple>

namespace dl::master {

Result<std::vector<PartitionPlacement>> plan_placement(const std::vector<NodeId>& nodes,
                                                       std::map<NodeId, std::uint64_t> partitions_led,
                                                       std::uint32_t partition_count) {
    if (nodes.empty())
        return make_error(ErrorCode::unavailable, "no slave is configured; list them in slave.nodes");
    std::map<NodeId, std::uint64_t> of_this_table;
    std::vector<PartitionPlacement> placements;
    placements.reserve(partition_count);
    for (std::uint32_t i = 0; i < partition_count; ++i) {
        NodeId best;
        for (const auto node : nodes) {
            if (best == NodeId{} || std::tuple(partitions_led[node], of_this_table[node]) <
                                        std::tuple(partitions_led[best], of_this_table[best]))
                best = node;
        }
        ++partitions_led[best];
        ++of_this_table[best];
        placements.push_back(placed_on(best));
    }
    return placements;
}

}  // namespace dl::master
