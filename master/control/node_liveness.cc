#include "master/control/node_liveness.h"

#include <algorithm>

namespace dl::master {

NodeLiveness::Named NodeLiveness::begin_heartbeat(NodeId node) {
    auto& known = nodes_[node];
    if (known.answered) known.lease_from = known.answered;
    return {known.process, known.sequence};
}

NodeLiveness::Answer NodeLiveness::answered(NodeId node, const std::string& process, std::uint64_t sequence,
                                            bool stopping, Time now) {
    auto& known = nodes_[node];
    const bool is_new = known.process != process;
    const bool was_dead = is_dead(node, now);
    const auto answer = !known.process.empty() && is_new ? Answer::restarted
                        : is_new || was_dead             ? Answer::returned
                                                         : Answer::known;
    if (is_new) known.lease_from.reset();
    known.process = process;
    known.sequence = sequence;
    known.answered = now;
    known.refused = false;
    known.stopping = stopping;
    return answer;
}

void NodeLiveness::refused(NodeId node) {
    auto& known = nodes_[node];
    known.refused = true;
    known.stopping = false;
    known.lease_from.reset();
}

bool NodeLiveness::is_dead(NodeId node, Time now) const {
    const auto found = nodes_.find(node);
    if (found != nodes_.end() && found->second.refused) return true;
    // Its lease ends before: it runs from a reply that was sent before it arrived here, no later than the
    // last one.
    const bool heard = found != nodes_.end() && found->second.answered;
    return now >= (heard ? *found->second.answered : started_) + times_.failover;
}

bool NodeLiveness::is_live(NodeId node, Time now) const {
    const auto found = nodes_.find(node);
    return found != nodes_.end() && found->second.answered && !is_dead(node, now);
}

std::optional<NodeLiveness::Time> NodeLiveness::lease_end(NodeId node) const {
    const auto found = nodes_.find(node);
    if (found == nodes_.end() || !found->second.lease_from) return std::nullopt;
    return *found->second.lease_from + times_.lease;
}

std::optional<NodeLiveness::Time> NodeLiveness::last_answer(NodeId node) const {
    const auto found = nodes_.find(node);
    return found == nodes_.end() ? std::nullopt : found->second.answered;
}

NodeLiveness::Time NodeLiveness::next_change(Time now) const {
    auto next = Time::max();
    // Nodes that nobody has heard of die together.
    if (now < started_ + times_.failover) next = started_ + times_.failover;
    for (const auto& [node, known] : nodes_)
        if (known.answered && !known.refused && now < *known.answered + times_.failover)
            next = std::min(next, *known.answered + times_.failover);
    return next;
}

}  // namespace dl::master
