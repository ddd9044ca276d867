// How the cluster is, in words for people. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "master/catalog/catalog_cache.h"
#include "master/control/copy_control.h"
#include "master/control/copy_progress.h"

namespace dl::master {

struct HealthLine {
    std::string what;   // "cluster", "slave" or "partition"
    std::string name;   // of the slave: its address; of the partition: table/number
    std::string state;  // one word or two
    std::string detail;
};

// slave.nodes.
struct ConfiguredSlaves {
    std::vector<std::string> addresses;
    std::map<std::string, std::string> unusable;  // of those, by address: why
};

// First the cluster in one sentence, then the slaves, then partitions that are not well, those without a
// leader first, kPartitionsListed at most. A slave that is configured no more and holds nothing is left out,
// one that is configured and was never heard of is named.
inline constexpr std::size_t kPartitionsListed = 100;
std::vector<HealthLine> cluster_health(const CatalogCache& catalog, const std::vector<NodeView>& nodes,
                                       const CopyProgress& progress = {},
                                       const ConfiguredSlaves& configured = {});

// The slaves, by address, one of which is needed for a partition without a leader.
std::string missing_copies(const PartitionPlacement& placement, const std::vector<NodeView>& nodes);

}  // namespace dl::master
