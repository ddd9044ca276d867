// What the controller changes at one instant: replica_planner.h put to all partitions that may need it. Pure;
// the index is only read. Linear in the partitions, and cheap for those that are well.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "master/catalog/catalog_store.h"
#include "master/control/replica_index.h"
#include "master/control/replica_planner.h"

namespace dl::master {

// Why a leader does not go on in its epoch, though it lives.
enum class LeaderEnd : std::uint8_t { started_anew, resigned };

// A leader whose end an election has yet to answer: what said so (another process in a heartbeat, a proposal)
// is heard once.
struct LeaderGone {
    LeaderEpoch epoch;
    LeaderEnd why = LeaderEnd::started_anew;
};

// One partition that needs a leader, since an earlier decision held its election back.
struct Election {
    CopyReports reports;
    bool reports_overdue = false;  // who has not said by now is elected only when nobody has
    bool wait_over = false;        // members that are away are not waited for any more
    std::optional<LeaderGone> gone;
};

struct DecisionInput {
    NodeStates nodes;
    std::set<NodeId> restarted;  // live, and cannot go on with what they led
    std::map<NodeId, std::vector<rpc::ReplicaProposal>> proposals;
    std::set<NodeId> placeable;  // may get new copies
    std::set<NodeId> settled;    // live for a while: may have back what they are the first replica of
    std::size_t hand_backs_max = 0;
    // Whose leaders were told a moment ago that what they ask for is not to be.
    std::set<ReplicaKey> refused_lately;
    // Elections wait for what the live members say of their copies. When none of them has been up since the
    // last leader led (all were stopped), also for members that are away or do not serve yet: the one that
    // was started first need not be the one that holds the most. False: the first member is elected at once.
    bool asks = false;
    std::map<ReplicaKey, Election> elections;
    // Live, and have yet to be told what they lead, since they or the controller were started: they may say
    // that they cannot. Dead members stay in the sets of what these lead until they have.
    std::set<NodeId> unconfirmed;
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
    // Elections that wait.
    struct Held {
        std::vector<NodeId> asked;  // who is to say what he has
        std::optional<LeaderGone> gone;
    };
    std::map<ReplicaKey, Held> held;
};

Decisions decide(const ReplicaIndex& index, const DecisionInput& input);

}  // namespace dl::master
