// Which slave leads which partition of a new table. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "common/base/error.h"
#include "common/meta/placement.h"

namespace dl::master {

// Each partition goes to the node that leads the fewest partitions of all tables so far, `partitions_led` and
// this table's counted; among equals to the one with the fewest of this table, then the first in the list.
// UNAVAILABLE without nodes.
Result<std::vector<PartitionPlacement>> plan_placement(const std::vector<NodeId>& nodes,
                                                       std::map<NodeId, std::uint64_t> partitions_led,
                                                       std::uint32_t partition_count);

}  // namespace dl::master
