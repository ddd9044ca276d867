#include "master/control/replica_planner.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "common/base/planted_fault.h"
#include "master/control/placement_planner.h"

namespace dl::master {
namespace {

using Nodes = std::vector<NodeId>;

bool contains(const Nodes& nodes, NodeId node) {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

void remove(Nodes& nodes, NodeId node) {
    std::erase(nodes, node);
}

// Who left while nothing could be acknowledged stays electable only as long as that holds.
void settle_eligible(PartitionPlacement& placement) {
    if (placement.in_sync.size() >= placement.min_in_sync) placement.eligible.clear();
}

void leave_in_sync(PartitionPlacement& placement, const std::set<NodeId>& leaving) {
    Nodes left;
    for (const auto node : placement.in_sync)
        if (leaving.contains(node)) left.push_back(node);
    if (left.empty()) return;
    for (const auto node : left)
        remove(placement.in_sync, node);
    if (placement.in_sync.size() < placement.min_in_sync)
        placement.eligible.insert(placement.eligible.end(), left.begin(), left.end());
    settle_eligible(placement);
}

std::uint32_t settled_copies(const PartitionPlacement& placement) {
    return static_cast<std::uint32_t>(placement.replicas.size() - placement.adding.size());
}

// `before`: settled_copies() before the change.
void settle_min_in_sync(PartitionPlacement& placement, std::uint32_t before) {
    const auto now = settled_copies(placement);
    if (now != before && now > 0 && placement.min_in_sync == default_min_in_sync(before)) {
        const auto next = default_min_in_sync(now);
        // Higher only when it does not stop the writers.
        if (next < placement.min_in_sync || placement.in_sync.size() >= next) placement.min_in_sync = next;
    }
    const auto most = static_cast<std::uint32_t>(placement.replicas.size());
    placement.min_in_sync = std::min(placement.min_in_sync, most);
    settle_eligible(placement);
}

void lead(PartitionPlacement& placement, NodeId node) {
    if (!contains(placement.in_sync, node)) placement.in_sync.push_back(node);
    remove(placement.eligible, node);
    settle_eligible(placement);
    placement.leader = node;
    placement.last_leader = node;
    ++placement.leader_epoch.value;
}

bool can_lead(NodeId node, const NodeStates& nodes) {
    return nodes.live.contains(node) && !nodes.stopping.contains(node);
}

// In the order of `replicas`, then those that are to lose their copy.
Nodes in_order(const PartitionPlacement& placement, const Nodes& members) {
    Nodes ordered;
    for (const auto* list : {&placement.replicas, &placement.removing, &members})
        for (const auto node : *list)
            if (contains(members, node) && !contains(ordered, node)) ordered.push_back(node);
    return ordered;
}

// Where the log of a member ends, for comparison: by epoch, then by offset. Who has not said comes last.
std::tuple<bool, std::uint32_t, Offset> reach(NodeId node, const CopyReports& reports) {
    const auto found = reports.find(node);
    if (found == reports.end()) return {false, 0, 0};
    return {true, found->second.last_epoch, found->second.log_end};
}

// INV-10: of in_sync and of eligible, which hold all that was acknowledged, the one whose log reaches
// furthest: a disk that lied, or a backup that was put back, may have made another shorter. Without reports
// the first, of in_sync before eligible.
std::optional<NodeId> electable(const PartitionPlacement& placement, const NodeStates& nodes,
                                const CopyReports* reports) {
    if (DL_PLANTED("elect-out-of-sync"))
        for (const auto node : placement.replicas)
            if (!contains(placement.in_sync, node) && can_lead(node, nodes)) return node;
    std::optional<NodeId> best;
    for (const auto node : electable_members(placement, nodes)) {
        if (reports == nullptr) return node;
        const auto found = reports->find(node);
        if (found != reports->end() && !found->second.serves) continue;
        if (!best || reach(node, *reports) > reach(*best, *reports)) best = node;
    }
    return best;
}

// Who is known not to hold what is committed is in no set: it can only catch up. Who cannot serve leaves like
// one that is dead.
void leave_short(PartitionPlacement& placement, const CopyReports& reports) {
    Offset committed = 0;
    for (const auto& [node, report] : reports)
        if (report.serves && (contains(placement.in_sync, node) || contains(placement.eligible, node)))
            committed = std::max(committed, report.committed);
    std::set<NodeId> silent;
    for (const auto& [node, report] : reports) {
        if (node == placement.leader) continue;
        if (!report.serves) silent.insert(node);
        if (!report.serves || report.log_end >= committed) continue;
        remove(placement.in_sync, node);
        remove(placement.eligible, node);
    }
    leave_in_sync(placement, silent);
}

std::optional<PartitionPlacement> if_changed(const PartitionPlacement& before, PartitionPlacement after) {
    if (after == before) return std::nullopt;
    return after;
}

std::string copies_text(std::uint32_t count) {
    return std::to_string(count) + (count == 1 ? " copy" : " copies");
}

}  // namespace

std::uint32_t default_min_in_sync(std::uint32_t copies) {
    return (std::max(copies, 1u) + 1) / 2;
}

Result<std::vector<PartitionPlacement>> plan_copies(const std::vector<NodeId>& nodes,
                                                    std::map<NodeId, std::uint64_t> partitions_led,
                                                    std::map<NodeId, std::uint64_t> copies_held,
                                                    std::uint32_t partition_count, CopiesWanted wanted) {
    if (wanted.copies == 0 || wanted.min_in_sync == 0 || wanted.min_in_sync > wanted.copies)
        return make_error(ErrorCode::invalid_request, "min_in_sync is " + std::to_string(wanted.min_in_sync) +
                                                          "; with " + copies_text(wanted.copies) +
                                                          " it is from 1 to " +
                                                          std::to_string(wanted.copies));
    if (!nodes.empty() && nodes.size() < wanted.copies)
        return make_error(ErrorCode::unavailable,
                          copies_text(wanted.copies) + " need as many slaves and " +
                              std::to_string(nodes.size()) + (nodes.size() == 1 ? " is" : " are") +
                              " there; start more (slave.nodes), or ask for fewer copies");
    DL_TRY_ASSIGN(auto placements, plan_placement(nodes, std::move(partitions_led), partition_count));
    for (const auto& placement : placements)
        ++copies_held[placement.leader];
    std::map<std::pair<NodeId, NodeId>, std::uint64_t> stands_in;
    for (auto& placement : placements) {
        placement.min_in_sync = wanted.min_in_sync;
        while (placement.replicas.size() < wanted.copies) {
            NodeId best;
            const auto rank = [&](NodeId node) {
                return std::tuple(copies_held[node], stands_in[{placement.leader, node}]);
            };
            for (const auto node : nodes)
                if (!contains(placement.replicas, node) && (best == NodeId{} || rank(node) < rank(best)))
                    best = node;
            ++copies_held[best];
            ++stands_in[{placement.leader, best}];
            placement.replicas.push_back(best);
            placement.in_sync.push_back(best);
        }
    }
    return placements;
}

std::vector<NodeId> electable_members(const PartitionPlacement& placement, const NodeStates& nodes) {
    Nodes members, ending;
    for (const auto* list : {&placement.in_sync, &placement.eligible})
        for (const auto node : in_order(placement, *list)) {
            if (can_lead(node, nodes))
                members.push_back(node);
            else if (nodes.live.contains(node))
                ending.push_back(node);
        }
    return members.empty() ? ending : members;
}

std::optional<PartitionPlacement> after_losses(const PartitionPlacement& placement, const NodeStates& nodes,
                                               const CopyReports* reports) {
    auto next = placement;
    leave_in_sync(next, nodes.dead);
    if (nodes.dead.contains(next.leader)) next.leader = NodeId{};
    const bool ends = nodes.stopping.contains(next.leader);
    if (next.leader == NodeId{} || ends) {
        const auto node = electable(next, nodes, reports);
        // One that is about to end leads on when there is nobody else.
        if (node && !(ends && nodes.stopping.contains(*node))) {
            lead(next, *node);
            // What others said while the old leader took rows tells nothing of these.
            if (reports != nullptr && !ends) leave_short(next, *reports);
        }
    }
    return if_changed(placement, std::move(next));
}

std::optional<PartitionPlacement> after_resignation(const PartitionPlacement& placement, NodeId node,
                                                    const NodeStates& nodes, const CopyReports* reports) {
    if (placement.leader != node || node == NodeId{}) return std::nullopt;
    auto next = placement;
    next.leader = NodeId{};
    if (auto elected = after_losses(next, nodes, reports)) return elected;
    return next;
}

std::optional<PartitionPlacement> after_resigning(const PartitionPlacement& placement, NodeId from,
                                                  const NodeStates& nodes, const CopyReports* reports) {
    auto others = nodes;
    others.live.erase(from);
    others.dead.insert(from);
    auto next = after_resignation(placement, from, others, reports);
    const bool found = next && next->leader != NodeId{};
    if (found && (reports == nullptr || reach(next->leader, *reports) >= reach(from, *reports))) return next;
    return after_resignation(placement, from, nodes, reports);
}

std::optional<PartitionPlacement> after_proposal(const PartitionPlacement& placement, NodeId from,
                                                 const rpc::ReplicaProposal& proposal,
                                                 const NodeStates& nodes, std::string* refused) {
    const auto refuse = [&](const char* why) {
        if (refused != nullptr) *refused = why;
        return std::nullopt;
    };
    if (placement.leader != from || from == NodeId{}) return refuse("it does not lead the partition");
    if (placement.leader_epoch != proposal.leader_epoch) return refuse("it is of another epoch");
    if (placement.version != proposal.version) return refuse("it is of another version");
    if (proposal.resigns) return after_resigning(placement, from, nodes);
    auto next = placement;
    const auto settled = settled_copies(placement);
    Nodes joining;
    for (const auto node : proposal.in_sync)
        if (contains(next.replicas, node) && !contains(next.in_sync, node) && nodes.live.contains(node) &&
            !contains(joining, node))
            joining.push_back(node);
    for (const auto node : joining) {
        next.in_sync.push_back(node);
        remove(next.eligible, node);
        remove(next.adding, node);
    }
    for (const auto node : proposal.lost)
        if (node != from) {
            remove(next.in_sync, node);
            remove(next.eligible, node);
        }
    std::set<NodeId> leaving;
    for (const auto node : next.in_sync)
        if (node != from && !contains(proposal.in_sync, node)) leaving.insert(node);
    leave_in_sync(next, leaving);
    settle_min_in_sync(next, settled);
    return next;
}

std::optional<PartitionPlacement> led_by(const PartitionPlacement& placement, NodeId node,
                                         const NodeStates& nodes) {
    if (placement.leader == node || placement.leader == NodeId{}) return std::nullopt;
    if (!contains(placement.in_sync, node) || !can_lead(node, nodes)) return std::nullopt;
    auto next = placement;
    lead(next, node);
    return next;
}

std::optional<PartitionPlacement> led_by_first(const PartitionPlacement& placement, const NodeStates& nodes) {
    return led_by(placement, placement.replicas.front(), nodes);
}

std::optional<PartitionPlacement> with_copies(const PartitionPlacement& placement, std::uint32_t copies,
                                              const std::vector<NodeId>& candidates,
                                              const std::set<NodeId>& gone) {
    auto next = placement;
    const auto settled = settled_copies(placement);
    Nodes lasting;  // the copies that count
    for (const auto node : next.replicas)
        if (!gone.contains(node)) lasting.push_back(node);
    for (const auto node : candidates) {
        if (lasting.size() >= copies) break;
        if (contains(next.replicas, node) || gone.contains(node)) continue;
        lasting.push_back(node);
        next.replicas.push_back(node);
        if (!contains(next.in_sync, node)) next.adding.push_back(node);
        remove(next.removing, node);
    }
    // Those that go: who is away for good, then who holds the least, the leader last of all.
    const auto rank = [&](NodeId node) {
        return std::tuple(!gone.contains(node), !contains(next.adding, node), contains(next.in_sync, node),
                          node == next.leader);
    };
    auto order = next.replicas;
    std::reverse(order.begin(), order.end());
    std::stable_sort(order.begin(), order.end(),
                     [&](NodeId one, NodeId other) { return rank(one) < rank(other); });
    for (const auto node : order) {
        const auto most_lasting = std::max<std::size_t>(copies, 1);
        if (next.replicas.size() <= most_lasting || node == next.leader) break;
        // One that is away for good and may be needed yet is not made up for by another.
        if (!gone.contains(node) && lasting.size() <= most_lasting) break;
        const bool in_sync = contains(next.in_sync, node);
        const auto most = static_cast<std::uint32_t>(next.replicas.size() - 1);
        const auto needed = std::min(next.min_in_sync, default_min_in_sync(most));
        // Without a leader, or with too few others, it may be the copy that is needed most.
        if (in_sync && (next.leader == NodeId{} || next.in_sync.size() <= needed)) continue;
        if (contains(next.eligible, node)) continue;
        remove(lasting, node);
        remove(next.replicas, node);
        remove(next.adding, node);
        next.removing.push_back(node);
        if (next.min_in_sync > most) next.min_in_sync = most;
        if (in_sync) leave_in_sync(next, {node});
    }
    settle_min_in_sync(next, settled);
    return if_changed(placement, std::move(next));
}

std::vector<Removal> removals(const PartitionPlacement& placement) {
    std::vector<Removal> found;
    const bool others_have_it = placement.leader != NodeId{} && placement.adding.empty() &&
                                placement.in_sync.size() >= placement.min_in_sync;
    if (!others_have_it) return found;
    for (const auto node : placement.removing) {
        if (contains(placement.in_sync, node) || contains(placement.eligible, node)) continue;
        auto next = placement;
        remove(next.removing, node);
        found.push_back({node, std::move(next)});
    }
    return found;
}

Result<PartitionPlacement> elect_unclean(const PartitionPlacement& placement, NodeId node,
                                         const NodeStates& nodes) {
    if (placement.leader != NodeId{})
        return make_error(ErrorCode::invalid_request, "the partition has a leader, which loses nothing");
    if (!contains(placement.replicas, node) && !contains(placement.removing, node))
        return make_error(ErrorCode::invalid_request, "that slave holds no copy of the partition");
    if (!nodes.live.contains(node))
        return make_error(ErrorCode::unavailable, "that slave does not answer; start it first");
    auto next = placement;
    next.in_sync.clear();
    next.eligible.clear();
    if (!contains(next.replicas, node)) {
        remove(next.removing, node);
        next.replicas.push_back(node);
    }
    remove(next.adding, node);
    lead(next, node);
    return next;
}

bool needs_attention(const PartitionPlacement& placement, const NodeStates& nodes) {
    if (placement.leader == NodeId{} || nodes.stopping.contains(placement.leader)) return true;
    return std::any_of(placement.in_sync.begin(), placement.in_sync.end(),
                       [&](NodeId node) { return nodes.dead.contains(node); });
}

}  // namespace dl::master
