// What the controller changes at one instant: replica_planner.h put to all partitions that may need it. Pure;
// the index is only read. Linear in the partitions, and cheap for those that are well.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "master/catalog/catalog_store.h"
#include "master/control/replica_index.h"
#include "master/control/replica_planner.h"

namespace dl::master {

struct DecisionInput {
    NodeStates nodes;
    std::set<NodeId> restarted;  // live, and cannot go on with what they led
    std::map<NodeId, std::vector<rpc::ReplicaProposal>> proposals;
    std::set<NodeId> placeable;  // may get new copies
    std::set<NodeId> settled;    // live for a while: may have back what they are the first replica of
    std::size_t hand_backs_max = 0;
    // Whose leaders were told a moment ago that what they ask for is not to be.
    std::set<ReplicaKey> refused_lately;
    // False: only partitions with proposals are looked at.
    bool all = true;
};

struct Decision {
    PlacementChange change;
    PartitionPlacement before;
    std::string table;
    std::string cause;
};

struct Decisions {
    std::vector<Decision> changes;
    // Partitions that their first replica could lead and does not, once it is settled.
    std::size_t hand_backs_left = 0;
    // Proposals that change nothing but the version.
    std::set<ReplicaKey> refused;
};

Decisions decide(const ReplicaIndex& index, const DecisionInput& input);

}  // namespace dl::master
