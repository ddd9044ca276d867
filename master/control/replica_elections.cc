// Partitions for which a leader is to be found: who is asked what it holds, and for how long.
#include <set>
#include <utility>
#include <vector>

#include "master/control/replica_controller_state.h"

namespace dl::master {
namespace {

constexpr std::chrono::milliseconds kAskAgain{1000};  // what a copy has that does not serve yet

}  // namespace

// Of what elections wait for.
std::vector<rpc::ReplicaRef> ReplicaController::State::to_be_asked(NodeId node) const {
    std::vector<rpc::ReplicaRef> asked;
    for (const auto& [key, electing] : elections) {
        if (asked.size() == rpc::kAssignmentsMax) break;
        const auto* table = index.table(key.first);
        if (table != nullptr && electing.is_to_say(node))
            asked.push_back({key.first, table->meta->incarnation, key.second});
    }
    return asked;
}

void ReplicaController::State::take_reports(NodeId node, const rpc::HeartbeatReply& reply) {
    bool news = false;
    for (const auto& report : reply.reports) {
        const auto found = elections.find({report.replica.table, report.replica.partition});
        if (found == elections.end() || !found->second.is_to_say(node)) continue;
        found->second.known.reports[node] = report;
        news = true;
    }
    if (!news) return;
    look_at_all = true;
    to_decide.set();
}

void ReplicaController::State::hold_elections(Decisions& decided, bool all, Time now) {
    if (all) std::erase_if(elections, [&](const auto& one) { return !decided.held.contains(one.first); });
    std::set<NodeId> to_ask;
    for (auto& [key, held] : decided.held) {
        auto& electing = elections.try_emplace(key, Electing{now, now, {}, {}}).first->second;
        electing.asked = std::move(held.asked);
        electing.known.gone = held.gone;
        if (now >= electing.asked_at + kAskAgain) {
            electing.asked_at = now;
            std::erase_if(electing.known.reports, [](const auto& one) { return !one.second.serves; });
        }
        for (const auto node : electing.asked)
            if (electing.is_to_say(node)) to_ask.insert(node);
    }
    for (const auto& slave : slaves)
        if (to_ask.contains(node_of(slave->address))) slave->to_ask.set();
}

}  // namespace dl::master
