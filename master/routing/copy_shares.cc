#include "master/routing/copy_shares.h"

#include <map>
#include <utility>

namespace dl::master {

std::vector<CopyShare> follower_shares(const RouteTable& routes, const TableMeta& table) {
    std::map<NodeId, std::vector<PartitionId>> by_node;
    const auto placement = routes.catalog().placement(table.id);
    if (placement == nullptr) return {};
    for (std::size_t i = 0; i < placement->partitions.size(); ++i)
        for (const auto node : placement->partitions[i].in_sync)
            if (node != placement->partitions[i].leader)
                by_node[node].push_back(PartitionId{static_cast<std::uint32_t>(i)});
    std::vector<CopyShare> shares;
    for (auto& [node, partitions] : by_node)
        if (auto route = routes.node(node); route.has_value())
            shares.push_back({std::move(*route), std::move(partitions)});
    return shares;
}

}  // namespace dl::master
