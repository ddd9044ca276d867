// Where the copies of partitions are and who leads them: what becomes of a placement when a table is made, a
// node goes or comes back, a leader asks for another set, or another number of copies is wanted. Pure; every
// result passes check_placement_change() (INV-10). docs/flows/failover.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/meta/placement.h"
#include "common/rpc/messages/replica_messages.h"

namespace dl::master {

// What is known of the nodes at one instant. A node in neither of the first two was not heard from yet: it
// keeps what it has and is given nothing.
struct NodeStates {
    std::set<NodeId> live;      // answer
    std::set<NodeId> dead;      // have no lease any more, for sure
    std::set<NodeId> stopping;  // of those that are live: asked to end
    friend bool operator==(const NodeStates&, const NodeStates&) = default;
};

// What members of a partition's sets said when a leader was to be found: who holds the most leads.
using CopyReports = std::map<NodeId, rpc::CopyReport>;

// 1 of 1 or 2 copies, 2 of 3 or 4, 3 of 5.
std::uint32_t default_min_in_sync(std::uint32_t copies);

// Copies of a new table: leaders as plan_placement() spreads them, the others on the nodes that hold the
// fewest copies, and among equals on the one that stands in least often for that leader. `copies_held`: on
// each node, of all tables. UNAVAILABLE says how many slaves there are and how many are needed;
// INVALID_REQUEST when min_in_sync is not within the copies.
struct CopiesWanted {
    std::uint32_t copies = 1;
    std::uint32_t min_in_sync = 1;
};
Result<std::vector<PartitionPlacement>> plan_copies(const std::vector<NodeId>& nodes,
                                                    std::map<NodeId, std::uint64_t> partitions_led,
                                                    std::map<NodeId, std::uint64_t> copies_held,
                                                    std::uint32_t partition_count, CopiesWanted wanted);

// Each of these gives the changed placement, with the version it had; nullopt: nothing is to be changed.

// Dead members leave in_sync, all at once: to `eligible` when fewer than min_in_sync stay, because from then
// on nothing is acknowledged without them. A leader that is dead, stopping or not there is replaced (see
// elect below); one that is dead and has no successor leaves the partition without a leader.
// `reports`: of electable_members(), which are elected by what they hold; nullptr: the first of them is.
std::optional<PartitionPlacement> after_losses(const PartitionPlacement& placement, const NodeStates& nodes,
                                               const CopyReports* reports = nullptr);
// `node` lives and cannot go on in its epoch: it, or another member, leads in a newer one.
std::optional<PartitionPlacement> after_resignation(const PartitionPlacement& placement, NodeId node,
                                                    const NodeStates& nodes,
                                                    const CopyReports* reports = nullptr);
// The leader said so itself: its copy is damaged, or lacks records that another has. Whoever else may be
// elected goes first, unless `reports` say that he holds less; it has to catch up like one that was away.
std::optional<PartitionPlacement> after_resigning(const PartitionPlacement& placement, NodeId from,
                                                  const NodeStates& nodes,
                                                  const CopyReports* reports = nullptr);
// What `from` asks for. Void, with a word of why in `refused`: from anybody but the leader, of another epoch
// or version. Nodes that hold no copy, and those that are to join and do not answer, are left out; what then
// is as before is given all the same, since only a new version ends what the leader began by asking.
std::optional<PartitionPlacement> after_proposal(const PartitionPlacement& placement, NodeId from,
                                                 const rpc::ReplicaProposal& proposal,
                                                 const NodeStates& nodes, std::string* refused = nullptr);
// `node`, a member of in_sync, leads from now on; nullopt: it cannot, or does already.
std::optional<PartitionPlacement> led_by(const PartitionPlacement& placement, NodeId node,
                                         const NodeStates& nodes);
// The first of `replicas` leads again.
std::optional<PartitionPlacement> led_by_first(const PartitionPlacement& placement, const NodeStates& nodes);

// One step towards `copies` copies. `candidates`: nodes that may get one, the best first; `gone`: nodes that
// will not come back where they were (Node::displaced), whose copies are made anew. A min_in_sync that is
// the default of the copies there are becomes that of the new ones.
std::optional<PartitionPlacement> with_copies(const PartitionPlacement& placement, std::uint32_t copies,
                                              const std::vector<NodeId>& candidates,
                                              const std::set<NodeId>& gone);

// Those of `removing` that may lose their copies now, each with the placement once it has: they are in no
// set, and those that are to have copies have them (none is being added, min_in_sync of them are in sync).
struct Removal {
    NodeId node;
    PartitionPlacement next;
};
std::vector<Removal> removals(const PartitionPlacement& placement);

// An order of an operator: `node`, whatever it lacks, leads and is the only member in sync. Acknowledged rows
// may be lost. INVALID_REQUEST when the partition has a leader, or the node holds no copy or does not answer.
Result<PartitionPlacement> elect_unclean(const PartitionPlacement& placement, NodeId node,
                                         const NodeStates& nodes);

// Those that are live and may be elected: of in_sync, then of eligible (INV-10); those that are about to end
// only when there is nobody else.
std::vector<NodeId> electable_members(const PartitionPlacement& placement, const NodeStates& nodes);

// Whether any of the above, apart from proposals, could have something to do; cheap.
bool needs_attention(const PartitionPlacement& placement, const NodeStates& nodes);

}  // namespace dl::master
