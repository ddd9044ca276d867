// Where the partitions of a table are and who leads them: apart from the table's schema, changed on its own,
// by compare-and-set on its version (Catalog::change_placement).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "common/base/error.h"
#include "common/base/ids.h"

namespace dl {

struct PartitionPlacement {
    NodeId leader;  // none (0): nobody serves the partition
    LeaderEpoch leader_epoch{1};
    std::uint32_t version = 1;     // + 1 with every change
    NodeId last_leader;            // who led last, also while there is no leader
    std::vector<NodeId> in_sync;   // hold everything that was acknowledged; may be elected
    std::vector<NodeId> eligible;  // left in_sync with nothing acknowledged since; may be elected after those
    std::vector<NodeId> replicas;  // the copies there are to be, the preferred leader first
    std::vector<NodeId> adding;    // of replicas: still catching up
    std::vector<NodeId> removing;  // hold a copy still, and are to lose it
    std::uint32_t min_in_sync = 1;  // fewer in_sync members: nothing is acknowledged
    friend bool operator==(const PartitionPlacement&, const PartitionPlacement&) = default;
};

struct TablePlacement {
    TableId table;
    std::vector<PartitionPlacement> partitions;  // by partition id
};

using PlacementPtr = std::shared_ptr<const TablePlacement>;
using LeaderEpochs = std::map<PartitionId, LeaderEpoch>;

// It leads the partition, or follows in sync.
bool is_in_sync(const PartitionPlacement& placed, NodeId node);

// One copy, on `node`, which leads it.
PartitionPlacement placed_on(NodeId node);

// Every node that holds, is to hold or may still hold a copy of a partition, each once, ascending.
std::vector<NodeId> nodes_of(const PartitionPlacement& placement);
std::vector<NodeId> nodes_of(const TablePlacement& placement);

// The epochs of the partitions a node has a copy of.
LeaderEpochs epochs_on(const TablePlacement& placement, NodeId node);

// INVALID_REQUEST says what is wrong: a node twice in a set or none at all, a leader that is not in sync,
// sets that are not of the partition's copies, min_in_sync beyond the copies.
Result<void> check_placement(const PartitionPlacement& placement);
// Also: the epoch never falls and grows with every new leader. `after.version` is not looked at.
Result<void> check_placement_change(const PartitionPlacement& before, const PartitionPlacement& after);

}  // namespace dl
