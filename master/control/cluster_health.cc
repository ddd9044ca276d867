#include "master/control/cluster_health.h"

#include <algorithm>
#include <map>
#include <set>

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

const NodeView* view_of(NodeId node, const std::vector<NodeView>& nodes) {
    for (const auto& view : nodes)
        if (view.id == node) return &view;
    return nullptr;
}

// What keeps those of `members` that are not in `others` from serving, and what to do about it.
std::string hindrances(const TableMeta& table, std::size_t number, const std::vector<NodeId>& members,
                       const std::vector<NodeId>& others, const std::vector<NodeView>& nodes,
                       const CopyProgress& progress) {
    const PartitionId partition{static_cast<std::uint32_t>(number)};
    std::vector<NodeId> away, there;
    std::string said;
    for (const auto node : members) {
        if (std::find(others.begin(), others.end(), node) != others.end()) continue;
        const auto* view = view_of(node, nodes);
        if (view == nullptr || view->state == State::dead)
            away.push_back(node);
        else if (const auto text = progress.text_of(table.id, partition, node); !text.empty())
            said += "; " + view->address + " " + text;
        else
            there.push_back(node);
    }
    std::string text;
    if (!away.empty()) text += "; start " + list_of(away, nodes);
    text += said;
    if (!there.empty())
        text += "; " + list_of(there, nodes) + (there.size() == 1 ? " answers and has" : " answer and have") +
                " yet to catch up (if it does not: the slave's log says why)";
    return text;
}

struct Held {
    std::size_t led = 0, copies = 0, out_of_sync = 0, leaving = 0;
    bool is_nothing() const { return led + copies + leaving == 0; }
};

struct Survey {
    std::size_t partitions = 0, not_served = 0, without_leader = 0, read_only = 0, short_of_copies = 0,
                catching_up = 0, damaged = 0;
    std::map<NodeId, Held> held;
    std::vector<HealthLine> headless, weak;

    void add(const TableMeta& table, std::size_t number, const PartitionPlacement& placed,
             const std::vector<NodeView>& nodes, const CopyProgress& progress) {
        ++partitions;
        ++held[placed.leader].led;
        for (const auto node : placed.removing)
            ++held[node].leaving;
        for (const auto node : placed.replicas) {
            ++held[node].copies;
            if (std::find(placed.in_sync.begin(), placed.in_sync.end(), node) == placed.in_sync.end())
                ++held[node].out_of_sync;
        }
        const auto name = table.name + "/" + std::to_string(number);
        if (placed.leader == NodeId{}) {
            ++without_leader;
            headless.push_back({"partition", name, "no leader",
                                "neither read nor written: only " + missing_copies(placed, nodes) +
                                    " had everything that was acknowledged when last heard of, and none "
                                    "leads" +
                                    hindrances(table, number, members_of(placed), {}, nodes, progress)});
            return;
        }
        if (!nodes.empty() && !is_served(table, number, placed, name, nodes, progress)) return;
        // What is in sync and does not serve has yet to be left out, or is the leader's affair.
        const PartitionId partition{static_cast<std::uint32_t>(number)};
        for (const auto node : placed.in_sync)
            if (node != placed.leader && progress.is_stuck(table.id, partition, node)) {
                ++damaged;
                weak.push_back({"partition", name, "copy in trouble",
                                address_of(node, nodes) + " " + progress.text_of(table.id, partition, node)});
            }
        const auto wanted = std::min<std::size_t>(table.copies, rpc::kCopiesMax);
        if (placed.in_sync.size() < placed.min_in_sync) {
            ++read_only;
            weak.push_back({"partition", name, "not writable",
                            count_of(placed.in_sync.size(), "copy is", "copies are") + " in sync (" +
                                list_of(placed.in_sync, nodes) + ") and min_in_sync is " +
                                std::to_string(placed.min_in_sync) +
                                "; when its leader has changed since it cannot be read either" +
                                hindrances(table, number, placed.replicas, placed.in_sync, nodes, progress)});
        } else if (placed.in_sync.size() < wanted) {
            ++(placed.replicas.size() < wanted ? short_of_copies : catching_up);
            const bool too_few = placed.replicas.size() < wanted;
            weak.push_back({"partition", name, too_few ? "too few copies" : "catching up",
                            std::to_string(placed.in_sync.size()) + " of " + std::to_string(wanted) +
                                " copies are in sync (" + list_of(placed.in_sync, nodes) + ")" +
                                (too_few ? "; there are not enough slaves for more, add some to slave.nodes"
                                         : hindrances(table, number, placed.replicas, placed.in_sync, nodes,
                                                      progress))});
        }
    }

    static std::vector<NodeId> members_of(const PartitionPlacement& placed) {
        auto members = placed.in_sync;
        members.insert(members.end(), placed.eligible.begin(), placed.eligible.end());
        return members;
    }

    // With one copy nobody else leads when its slave is gone, or cannot open it.
    bool is_served(const TableMeta& table, std::size_t number, const PartitionPlacement& placed,
                   const std::string& name, const std::vector<NodeView>& nodes,
                   const CopyProgress& progress) {
        const auto* leader = view_of(placed.leader, nodes);
        const PartitionId partition{static_cast<std::uint32_t>(number)};
        if (leader != nullptr && leader->state != State::dead) {
            if (!progress.is_stuck(table.id, partition, placed.leader)) return true;
            ++not_served;
            headless.push_back({"partition", name, "not served",
                                "slave " + leader->address + ", which leads it, says: " +
                                    progress.error_of(table.id, partition, placed.leader)});
            return false;
        }
        ++not_served;
        headless.push_back(
            {"partition", name, "not served",
             leader == nullptr
                 ? "neither read nor written: its slave was number " + std::to_string(placed.leader.value) +
                       ", whose place another has taken (was it started on an empty directory?); start it "
                       "with its own data"
                 : "neither read nor written: its slave " + leader->address + " is away; start it"});
        return false;
    }
};

// Not of use to the cluster now.
struct Absent {
    std::size_t away = 0, unheard = 0;
};

std::string sentence(const Survey& survey, const Absent& absent, const CopyProgress& progress) {
    std::string text;
    const auto add = [&](std::size_t count, const char* one, const char* many) {
        if (count != 0) text += (text.empty() ? "" : "; ") + count_of(count, one, many);
    };
    const auto of = " of " + std::to_string(survey.partitions);
    if (survey.without_leader != 0)
        text = std::to_string(survey.without_leader) + of + " partitions have no leader";
    if (survey.not_served != 0)
        text += (text.empty() ? "" : "; ") + std::to_string(survey.not_served) + of +
                " partitions are not served";
    add(survey.read_only, "partition takes no rows for want of copies in sync",
        "partitions take no rows for want of copies in sync");
    add(survey.short_of_copies, "partition has fewer copies than asked for",
        "partitions have fewer copies than asked for");
    add(survey.catching_up, "partition has copies that are not in sync",
        "partitions have copies that are not in sync");
    if (const auto files = progress.files_text(); !files.empty())
        text += (text.empty() ? "" : "; ") + ("catching up, " + files);
    add(survey.damaged, "copy is in trouble", "copies are in trouble");
    add(absent.away, "slave is away", "slaves are away");
    add(absent.unheard, "slave of slave.nodes has not been heard of",
        "slaves of slave.nodes have not been heard of");
    return text.empty() ? "all partitions are served, with all their copies" : text;
}

HealthLine line_of(const NodeView& node, const Held& held, const CopyProgress& progress,
                   const ConfiguredSlaves& configured) {
    auto detail = "leads " + count_of(held.led, "partition", "partitions") + ", holds " +
                  count_of(held.copies, "copy", "copies");
    if (held.out_of_sync != 0) detail += ", " + std::to_string(held.out_of_sync) + " not in sync";
    if (held.leaving != 0) detail += ", is to lose " + std::to_string(held.leaving);
    if (const auto reads = progress.follower_reads(node.id); reads != 0)
        detail += ", has answered " + std::to_string(reads) + (reads == 1 ? " read" : " reads") +
                  " of partitions that others lead";
    if (node.silent_for) detail += ", last answer " + std::to_string(node.silent_for->count()) + " ms ago";
    if (!node.is_told_all && node.state == State::live) detail += ", is being told its assignments";
    const auto why = configured.unusable.find(node.address);
    if (node.state != State::live && why != configured.unusable.end()) detail += "; " + why->second;
    return {"slave", node.address, state_name(node.state), std::move(detail)};
}

}  // namespace

std::string missing_copies(const PartitionPlacement& placement, const std::vector<NodeView>& nodes) {
    std::vector<NodeId> needed;
    for (const auto* members : {&placement.in_sync, &placement.eligible})
        needed.insert(needed.end(), members->begin(), members->end());
    if (needed.empty()) needed = {placement.last_leader};
    return list_of(needed, nodes);
}

std::vector<HealthLine> cluster_health(const CatalogCache& catalog, const std::vector<NodeView>& nodes,
                                       const CopyProgress& progress, const ConfiguredSlaves& configured) {
    Survey survey;
    for (const auto& table : catalog.list()) {
        const auto placement = catalog.placement(table->id);
        if (placement == nullptr) continue;
        for (std::size_t i = 0; i < placement->partitions.size(); ++i)
            survey.add(*table, i, placement->partitions[i], nodes, progress);
    }
    const auto is_configured = [&configured](const std::string& address) {
        const auto& all = configured.addresses;
        return all.empty() || std::find(all.begin(), all.end(), address) != all.end();
    };
    Absent absent;
    std::set<std::string> heard_of;
    std::vector<HealthLine> lines(1);
    for (const auto& node : nodes) {
        const auto& held = survey.held[node.id];
        heard_of.insert(node.address);
        if (held.is_nothing() && !is_configured(node.address)) continue;
        lines.push_back(line_of(node, held, progress, configured));
        if (node.state == State::dead) ++absent.away;
    }
    for (const auto& address : configured.addresses) {
        if (heard_of.contains(address)) continue;
        const auto why = configured.unusable.find(address);
        lines.push_back({"slave", address, state_name(State::unknown),
                         why == configured.unusable.end() ? "it has not answered yet" : why->second});
        ++absent.unheard;
    }
    const auto slaves = lines.size() - 1;
    const bool bad = survey.without_leader + survey.not_served + survey.read_only > 0;
    const bool weak =
        absent.away + absent.unheard + survey.short_of_copies + survey.catching_up + survey.damaged > 0;
    lines.front() = {"cluster", catalog.size() == 0 ? "" : count_of(catalog.size(), "table", "tables"),
                     bad    ? "impaired"
                     : weak ? "weakened"
                            : "well",
                     sentence(survey, absent, progress)};
    for (auto* list : {&survey.headless, &survey.weak})
        for (auto& line : *list)
            if (lines.size() < 1 + slaves + kPartitionsListed) lines.push_back(std::move(line));
    return lines;
}

}  // namespace dl::master
