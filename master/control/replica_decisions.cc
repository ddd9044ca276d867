#include "master/control/replica_decisions.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace dl::master {
namespace {

bool contains(const std::vector<NodeId>& nodes, NodeId node) {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

class Deciding {
  public:
    Deciding(const ReplicaIndex& index, const DecisionInput& input) : index_(index), input_(input) {
        for (const auto& [node, known] : *index.nodes())
            if (known.displaced) gone_.insert(node);
        for (const auto& [from, proposals] : input.proposals)
            for (const auto& proposal : proposals)
                asked_[{proposal.replica.table, proposal.replica.partition}].push_back({from, &proposal});
    }

    Decisions run() && {
        if (!input_.all) {
            for (const auto& [key, asked] : asked_)
                if (const auto* table = index_.table(key.first)) consider(*table, key.second.value);
            return std::move(decided_);
        }
        for (const auto& [id, table] : index_.tables())
            for (std::size_t i = 0; i < table.placement->partitions.size(); ++i)
                consider(table, i);
        return std::move(decided_);
    }

  private:
    struct Asked {
        NodeId from;
        const rpc::ReplicaProposal* proposal;
    };

    // Older releases took any number and kept one.
    static std::uint32_t wanted_copies(const ReplicaIndex::Table& table) {
        return std::min<std::uint32_t>(table.meta->copies, rpc::kCopiesMax);
    }

    void consider(const ReplicaIndex::Table& table, std::size_t partition) {
        const auto& placements = table.placement->partitions;
        if (partition >= placements.size()) return;
        const auto& before = placements[partition];
        const bool assigned = rpc::is_assigned(before);
        if (!assigned && before.replicas.size() == wanted_copies(table)) return;
        std::optional<PartitionPlacement> changed;
        std::string cause;
        const auto now = [&]() -> const PartitionPlacement& { return changed ? *changed : before; };
        const auto take = [&](std::optional<PartitionPlacement> next, const char* why) {
            if (!next) return;
            changed = std::move(next);
            cause += (cause.empty() ? "" : "; ") + std::string(why);
        };
        const ReplicaKey key{table.meta->id, PartitionId{static_cast<std::uint32_t>(partition)}};
        const auto gone = assigned ? leader_gone(key, table, before) : std::nullopt;
        const bool electing = assigned && !is_alone(before) && input_.asks && needs_election(before, gone);
        CopyReports said;
        if (electing && !is_complete(key, before, gone, said)) return;
        const auto* reports = electing ? &said : nullptr;
        if (gone) {
            const bool resigned = gone->why == LeaderEnd::resigned;
            auto next = (resigned ? after_resigning : after_resignation)(before, before.leader, input_.nodes,
                                                                         reports);
            // One that is elected again, for want of others, would resign again at once.
            const bool again = resigned && next && next->leader == before.leader;
            if (!again || !input_.refused_lately.contains(key))
                take(std::move(next), resigned ? "the leader resigned" : "the leader was started anew");
            if (again) decided_.refused.insert(key);
        }
        if (assigned && (gone || knows_leader(before)) && needs_attention(now(), input_.nodes))
            take(after_losses(now(), input_.nodes, reports), loss_of(before));
        if (const auto found = asked_.find(key); found != asked_.end())
            for (const auto& asked : found->second) {
                if (asked.proposal->replica.incarnation != table.meta->incarnation) continue;
                if (asked.proposal->resigns) continue;  // above
                auto next = after_proposal(now(), asked.from, *asked.proposal, input_.nodes);
                const bool refused = next == now();
                if (refused && input_.refused_lately.contains(key)) continue;
                if (refused) decided_.refused.insert(key);
                take(std::move(next), "the leader asked for it");
            }
        // What does not serve now may serve later.
        if (electing && now().leader == NodeId{}) hold(key, before, gone);
        if (input_.all) {
            count_copies(table, now(), take);
            hand_back(now(), take);
        }
        if (!changed) return;
        Decision decision;
        decision.change = {key.first, key.second, before.version, std::move(*changed)};
        decision.before = before;
        decision.table = table.meta->name;
        decision.cause = std::move(cause);
        decided_.changes.push_back(std::move(decision));
    }

    std::optional<LeaderGone> leader_gone(const ReplicaKey& key, const ReplicaIndex::Table& table,
                                          const PartitionPlacement& before) const {
        if (before.leader == NodeId{}) return std::nullopt;
        if (input_.restarted.contains(before.leader))
            return LeaderGone{before.leader_epoch, LeaderEnd::started_anew};
        if (const auto found = input_.elections.find(key); found != input_.elections.end())
            if (const auto& gone = found->second.gone; gone && gone->epoch == before.leader_epoch)
                return gone;
        const auto found = asked_.find(key);
        const auto resigns = [&](const Asked& asked) {
            const auto& proposal = *asked.proposal;
            return proposal.resigns && asked.from == before.leader &&
                   proposal.replica.incarnation == table.meta->incarnation &&
                   proposal.version == before.version && proposal.leader_epoch == before.leader_epoch;
        };
        if (found != asked_.end() && std::any_of(found->second.begin(), found->second.end(), resigns))
            return LeaderGone{before.leader_epoch, LeaderEnd::resigned};
        return std::nullopt;
    }

    // There is nothing to choose: the only copy leads also when it does not serve, says why, and is where a
    // loss is accepted.
    static bool is_alone(const PartitionPlacement& before) {
        return before.replicas.size() == 1 && before.in_sync.size() + before.eligible.size() <= 1;
    }

    bool needs_election(const PartitionPlacement& before, const std::optional<LeaderGone>& gone) const {
        const auto& nodes = input_.nodes;
        return gone || before.leader == NodeId{} || nodes.dead.contains(before.leader) ||
               nodes.stopping.contains(before.leader);
    }

    // Whether it leads, is dead, or there is none: members are left out by a leader, or by an election.
    bool knows_leader(const PartitionPlacement& before) const {
        if (!input_.asks || before.leader == NodeId{}) return true;
        const auto& nodes = input_.nodes;
        if (nodes.dead.contains(before.leader) || nodes.stopping.contains(before.leader)) return true;
        return nodes.live.contains(before.leader) && !input_.unconfirmed.contains(before.leader);
    }

    void hold(const ReplicaKey& key, const PartitionPlacement& before,
              const std::optional<LeaderGone>& gone) {
        auto asked = electable_members(before, input_.nodes);
        if (!asked.empty()) decided_.held[key] = {std::move(asked), gone};
    }

    // Whether enough is known to elect; else the election is held back.
    bool is_complete(const ReplicaKey& key, const PartitionPlacement& before,
                     const std::optional<LeaderGone>& gone, CopyReports& said) {
        const auto members = electable_members(before, input_.nodes);
        if (members.empty()) {
            // There is nobody to choose from; but those that have yet to be heard from are not left alone in
            // the sets.
            const auto is_dead = [&](NodeId node) { return input_.nodes.dead.contains(node); };
            return std::all_of(before.in_sync.begin(), before.in_sync.end(), is_dead);
        }
        const bool stopping = input_.nodes.stopping.contains(before.leader);
        if (!gone && stopping && members == std::vector<NodeId>{before.leader}) return true;
        const auto found = input_.elections.find(key);
        const Election none;
        const auto& known = found == input_.elections.end() ? none : found->second;
        bool missing = false, steady = stopping && !gone;
        for (const auto node : members) {
            const auto report = known.reports.find(node);
            if (report == known.reports.end()) {
                missing = true;
                continue;
            }
            said.insert(*report);
            steady = steady || (report->second.serves && report->second.heard);
        }
        bool waits = missing && !known.reports_overdue;
        if (!steady && !known.wait_over)
            for (const auto* list : {&before.in_sync, &before.eligible})
                for (const auto node : *list) {
                    const auto report = said.find(node);
                    waits = waits || report == said.end() || !report->second.serves;
                }
        if (waits) hold(key, before, gone);
        return !waits;
    }

    const char* loss_of(const PartitionPlacement& before) const {
        if (before.leader == NodeId{}) return "a copy that may lead is there";
        if (input_.nodes.dead.contains(before.leader)) return "the leader does not answer";
        if (input_.nodes.stopping.contains(before.leader)) return "the leader is stopping";
        return "a copy does not answer";
    }

    template <class Take>
    void count_copies(const ReplicaIndex::Table& table, const PartitionPlacement& now, const Take& take) {
        if (!input_.nodes.live.contains(now.leader)) return;  // there is nobody to copy from
        const bool displaced = std::any_of(now.replicas.begin(), now.replicas.end(),
                                           [&](NodeId node) { return gone_.contains(node); });
        const auto copies = wanted_copies(table);
        if (now.replicas.size() == copies && !displaced) return;
        const bool more = now.replicas.size() < copies || displaced;
        const auto candidates = more ? by_load(now) : std::vector<NodeId>();
        const auto before = now.replicas;
        auto next = with_copies(now, copies, candidates, gone_);
        if (!next) return;
        for (const auto node : next->replicas)
            if (!contains(before, node)) ++held_[node];
        take(std::move(next), "another number of copies is wanted, or a slave is gone for good");
    }

    // Nodes that may get a copy, those with the fewest first.
    std::vector<NodeId> by_load(const PartitionPlacement& placement) {
        if (!held_known_) {
            held_known_ = true;
            for (const auto& [id, table] : index_.tables())
                for (const auto& placed : table.placement->partitions)
                    for (const auto node : placed.replicas)
                        ++held_[node];
        }
        std::vector<NodeId> candidates;
        for (const auto node : input_.placeable)
            if (!contains(placement.replicas, node)) candidates.push_back(node);
        std::stable_sort(candidates.begin(), candidates.end(),
                         [&](NodeId one, NodeId other) { return held_[one] < held_[other]; });
        return candidates;
    }

    template <class Take>
    void hand_back(const PartitionPlacement& now, const Take& take) {
        const auto first = now.replicas.front();
        if (now.leader == first || !input_.nodes.live.contains(first)) return;
        auto next = led_by_first(now, input_.nodes);
        if (!next) return;
        if (!input_.settled.contains(first) || handed_back_ >= input_.hand_backs_max) {
            ++decided_.hand_backs_left;
            return;
        }
        ++handed_back_;
        take(std::move(next), "the first copy leads again");
    }

    const ReplicaIndex& index_;
    const DecisionInput& input_;
    std::map<ReplicaKey, std::vector<Asked>> asked_;
    std::set<NodeId> gone_;
    std::map<NodeId, std::uint64_t> held_;
    bool held_known_ = false;
    std::size_t handed_back_ = 0;
    Decisions decided_;
};

}  // namespace

Decisions decide(const ReplicaIndex& index, const DecisionInput& input) {
    return Deciding(index, input).run();
}

}  // namespace dl::master
