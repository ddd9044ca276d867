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
        if (assigned && input_.restarted.contains(before.leader))
            take(after_resignation(before, before.leader, input_.nodes), "the leader was started anew");
        if (assigned && needs_attention(now(), input_.nodes))
            take(after_losses(now(), input_.nodes), loss_of(before));
        const ReplicaKey key{table.meta->id, PartitionId{static_cast<std::uint32_t>(partition)}};
        if (const auto found = asked_.find(key); found != asked_.end())
            for (const auto& asked : found->second) {
                if (asked.proposal->replica.incarnation != table.meta->incarnation) continue;
                auto next = after_proposal(now(), asked.from, *asked.proposal, input_.nodes);
                // One that is elected again, for want of others, would ask again at once.
                const bool again = asked.proposal->resigns && next && next->leader == asked.from;
                const bool refused = again || next == now();
                if (refused && input_.refused_lately.contains(key)) continue;
                if (refused) decided_.refused.insert(key);
                take(std::move(next),
                     asked.proposal->resigns ? "the leader resigned" : "the leader asked for it");
            }
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
