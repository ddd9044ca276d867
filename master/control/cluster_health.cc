#include "master/control/cluster_health.h"

#include <algorithm>
#include <map>

#include "common/rpc/messages/replica_messages.h"

namespace dl::master {
namespace {

using State = NodeView::State;

std::string count_of(std::size_t count, const char* one, const char* many) {
    return std::to_string(count) + ' ' + (count == 1 ? one : many);
}

std::string address_of(NodeId node, const std::vector<NodeView>& nodes) {
    for (const auto& view : nodes)
        if (view.id == node) return view.address;
    return "number " + std::to_string(node.value) + ", whose place another has taken";
}

std::string list_of(const std::vector<NodeId>& members, const std::vector<NodeView>& nodes) {
    std::string text;
    for (const auto node : members)
        text += (text.empty() ? "" : ", ") + address_of(node, nodes);
    return text;
}

const char* state_name(State state) {
    switch (state) {
        case State::live:
            return "live";
        case State::stopping:
            return "stopping";
        case State::dead:
            return "away";
        case State::unknown:
            break;
    }
    return "not heard yet";
}

struct Held {
    std::size_t led = 0, copies = 0, out_of_sync = 0;
};

struct Survey {
    std::size_t partitions = 0, without_leader = 0, read_only = 0, short_of_copies = 0, catching_up = 0;
    std::map<NodeId, Held> held;
    std::vector<HealthLine> headless, weak;

    void add(const TableMeta& table, std::size_t number, const PartitionPlacement& placed,
             const std::vector<NodeView>& nodes) {
        ++partitions;
        ++held[placed.leader].led;
        for (const auto node : placed.replicas) {
            ++held[node].copies;
            if (std::find(placed.in_sync.begin(), placed.in_sync.end(), node) == placed.in_sync.end())
                ++held[node].out_of_sync;
        }
        const auto name = table.name + "/" + std::to_string(number);
        if (placed.leader == NodeId{}) {
            ++without_leader;
            headless.push_back(
                {"partition", name, "no leader",
                 "neither read nor written: only " + missing_copies(placed, nodes) +
                     " hold everything that was acknowledged, and none answers; start one of them"});
            return;
        }
        const auto wanted = std::min<std::size_t>(table.copies, rpc::kCopiesMax);
        if (placed.in_sync.size() < placed.min_in_sync) {
            ++read_only;
            weak.push_back({"partition", name, "not writable",
                            count_of(placed.in_sync.size(), "copy is", "copies are") + " in sync (" +
                                list_of(placed.in_sync, nodes) + ") and min_in_sync is " +
                                std::to_string(placed.min_in_sync) + "; start the slaves that are away"});
        } else if (placed.in_sync.size() < wanted) {
            ++(placed.replicas.size() < wanted ? short_of_copies : catching_up);
            const bool too_few = placed.replicas.size() < wanted;
            weak.push_back({"partition", name, too_few ? "too few copies" : "catching up",
                            std::to_string(placed.in_sync.size()) + " of " + std::to_string(wanted) +
                                " copies are in sync (" + list_of(placed.in_sync, nodes) + ")" +
                                (too_few ? "; there are not enough slaves for more, add some to slave.nodes"
                                         : "; the others follow once their slaves are there")});
        }
    }
};

std::string sentence(const Survey& survey, std::size_t away) {
    std::string text;
    const auto add = [&](std::size_t count, const char* one, const char* many) {
        if (count != 0) text += (text.empty() ? "" : "; ") + count_of(count, one, many);
    };
    const auto of = " of " + std::to_string(survey.partitions);
    if (survey.without_leader != 0)
        text = std::to_string(survey.without_leader) + of + " partitions have no leader";
    add(survey.read_only, "partition takes no rows for want of copies in sync",
        "partitions take no rows for want of copies in sync");
    add(survey.short_of_copies, "partition has fewer copies than asked for",
        "partitions have fewer copies than asked for");
    add(survey.catching_up, "partition has copies that are not in sync",
        "partitions have copies that are not in sync");
    add(away, "slave is away", "slaves are away");
    return text.empty() ? "all partitions are served, with all their copies" : text;
}

}  // namespace

std::string missing_copies(const PartitionPlacement& placement, const std::vector<NodeView>& nodes) {
    std::vector<NodeId> needed;
    for (const auto* members : {&placement.in_sync, &placement.eligible})
        needed.insert(needed.end(), members->begin(), members->end());
    if (needed.empty()) needed = {placement.last_leader};
    return list_of(needed, nodes);
}

std::vector<HealthLine> cluster_health(const CatalogCache& catalog, const std::vector<NodeView>& nodes) {
    Survey survey;
    for (const auto& table : catalog.list()) {
        const auto placement = catalog.placement(table->id);
        if (placement == nullptr) continue;
        for (std::size_t i = 0; i < placement->partitions.size(); ++i)
            survey.add(*table, i, placement->partitions[i], nodes);
    }
    std::size_t away = 0;
    std::vector<HealthLine> lines(1);
    for (const auto& node : nodes) {
        const auto& held = survey.held[node.id];
        if (node.state == State::dead) ++away;
        auto detail = "leads " + count_of(held.led, "partition", "partitions") + ", holds " +
                      count_of(held.copies, "copy", "copies");
        if (held.out_of_sync != 0) detail += ", " + std::to_string(held.out_of_sync) + " not in sync";
        if (node.silent_for)
            detail += ", last answer " + std::to_string(node.silent_for->count()) + " ms ago";
        if (!node.is_told_all && node.state == State::live) detail += ", is being told its assignments";
        lines.push_back({"slave", node.address, state_name(node.state), std::move(detail)});
    }
    const bool bad = survey.without_leader + survey.read_only > 0;
    const bool weak = away + survey.short_of_copies + survey.catching_up > 0;
    lines.front() = {"cluster", catalog.size() == 0 ? "" : count_of(catalog.size(), "table", "tables"),
                     bad    ? "impaired"
                     : weak ? "weakened"
                            : "well",
                     sentence(survey, away)};
    for (auto* list : {&survey.headless, &survey.weak})
        for (auto& line : *list)
            if (lines.size() < 1 + nodes.size() + kPartitionsListed) lines.push_back(std::move(line));
    return lines;
}

}  // namespace dl::master
