// Decisions: what is known is put to replica_decisions.h, and the catalog changes it.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/async/run_on.h"
#include "common/base/log.h"
#include "master/control/replica_controller_state.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kChangesLogged = 20;  // of one pass, one by one
constexpr milliseconds kRetryDecisions{1000};
constexpr milliseconds kRefusalPause{1000};  // until a leader that asks again is answered again
constexpr milliseconds kElectionPoll{200};

std::string node_list(const std::vector<NodeId>& nodes, const NodeMap& known) {
    std::string text;
    for (const auto node : nodes) {
        const auto found = known.find(node);
        text += (text.empty() ? "" : ",") +
                (found == known.end() ? std::to_string(node.value) : found->second.address);
    }
    return text;
}

}  // namespace

std::optional<DecisionInput> ReplicaController::State::collect() {
    const auto now = steady_clock::now();
    index.refresh(catalog.tables());
    DecisionInput input;
    input.nodes = liveness.states(all_nodes(), now);
    input.restarted = std::exchange(restarted, {});
    input.proposals = std::exchange(proposals, {});
    const bool hand_back = hand_backs_wait && now >= next_hand_back;
    input.all = std::exchange(look_at_all, false) || hand_back || input.nodes != decided_with ||
                !input.restarted.empty();
    decided_with = input.nodes;
    if (!input.all && input.proposals.empty()) return std::nullopt;
    for (const auto& slave : slaves)
        if (const auto node = node_of(slave->address);
            input.nodes.live.contains(node) && !input.nodes.stopping.contains(node))
            input.placeable.insert(node);
    for (const auto node : input.nodes.live)
        if (now >= live_since[node] + options.hand_back_after) input.settled.insert(node);
    std::erase_if(refusals, [&](const auto& refusal) { return now >= refusal.second + kRefusalPause; });
    for (const auto& [key, when] : refusals)
        input.refused_lately.insert(key);
    input.asks = true;
    for (const auto& [key, electing] : elections) {
        auto& election = input.elections[key] = electing.known;
        election.reports_overdue = now >= electing.asked_at + options.report_wait;
        election.wait_over = now >= electing.began + options.election_wait;
    }
    std::erase_if(unconfirmed, [&](const auto& one) { return now >= one.second + options.election_wait; });
    for (const auto& [node, since] : unconfirmed)
        input.unconfirmed.insert(node);
    if (now >= next_hand_back) {
        next_hand_back = now + options.hand_back_interval;
        input.hand_backs_max = options.hand_backs_max;
    }
    return input;
}

// On the work pool.
Result<void> ReplicaController::State::decide_now() {
    const auto began = steady_clock::now();
    Decisions decided;
    {
        std::lock_guard lock(mutex);
        const auto input = collect();
        if (!input) return {};
        decided = decide(index, *input);
        hold_elections(decided, input->all, began);
        for (const auto& key : decided.refused)
            refusals[key] = began;
        if (input->all) hand_backs_wait = decided.hand_backs_left > 0;
    }
    if (decided.changes.empty()) return {};
    std::vector<PlacementChange> changes;
    changes.reserve(decided.changes.size());
    for (const auto& decision : decided.changes)
        changes.push_back(decision.change);
    auto results = catalog.change_placements(std::move(changes));
    std::lock_guard lock(mutex);
    if (results.has_error()) {
        look_at_all = true;
        return std::move(results).error();
    }
    std::vector<Decision> made;
    for (std::size_t i = 0; i < results->size(); ++i) {
        if ((*results)[i].has_value()) {
            made.push_back(std::move(decided.changes[i]));
            made.back().change.next = std::move(*(*results)[i]);
            continue;
        }
        look_at_all = true;  // it was changed meanwhile, or is gone
        const auto& error = (*results)[i].error();
        if (error.code == ErrorCode::invalid_request)
            log_error(kCopiesComponent, "a decision was refused",
                      {{"table", decided.changes[i].table}, {"error", error}});
    }
    log_changes(made, began);
    index.refresh(catalog.tables());
    // What is possible now that was not before: a copy that has joined may be one that leads.
    look_at_all = true;
    to_decide.set();
    for (const auto& slave : slaves)
        slave->to_tell.set();
    return {};
}

void ReplicaController::State::log_changes(const std::vector<Decision>& made, Time began) const {
    const auto& nodes = *index.nodes();
    std::size_t logged = 0, leaders = 0, without = 0;
    for (const auto& decision : made) {
        const auto& next = decision.change.next;
        const bool led =
            next.leader != decision.before.leader || next.leader_epoch != decision.before.leader_epoch;
        leaders += led && next.leader != NodeId{} ? 1u : 0u;
        without += led && next.leader == NodeId{} ? 1u : 0u;
        if (next.in_sync == decision.before.in_sync && next.replicas == decision.before.replicas && !led)
            continue;  // a proposal that came to nothing
        if (logged++ >= kChangesLogged) continue;
        const auto leader = node_list({next.leader}, nodes);
        const auto in_sync = node_list(next.in_sync, nodes);
        const auto* what = next.leader == NodeId{} ? "a partition has no leader"
                           : led                   ? "a partition has a new leader"
                                                   : "a partition has other copies in sync";
        const auto copies = node_list(next.replicas, nodes);
        const auto level = next.leader == NodeId{} ? LogLevel::warn : LogLevel::info;
        const auto log = level == LogLevel::warn ? log_warn : log_info;
        log(kCopiesComponent, what,
            {{"table", decision.table},
             {"partition", decision.change.partition.value},
             {"leader", next.leader == NodeId{} ? std::string_view("none") : std::string_view(leader)},
             {"epoch", next.leader_epoch.value},
             {"in_sync", in_sync},
             {"copies", copies},
             {"cause", decision.cause}});
    }
    if (logged > kChangesLogged)
        log_info(kCopiesComponent, "many partitions were changed at once",
                 {{"partitions", logged},
                  {"new_leaders", leaders},
                  {"without_leader", without},
                  {"cause", made.back().cause},
                  {"ms", std::chrono::duration_cast<milliseconds>(steady_clock::now() - began).count()}});
}

asio::awaitable<void> ReplicaController::State::decide_again_and_again(std::shared_ptr<State> self) {
    while (!is_stopping()) {
        Time until;
        {
            std::lock_guard lock(mutex);
            const auto now = steady_clock::now();
            until = std::min(liveness.next_change(now), now + std::chrono::hours(1));
            if (hand_backs_wait) until = std::min(until, now + options.hand_back_interval);
            if (has_pending()) until = std::min(until, now + kElectionPoll);
        }
        co_await to_decide.wait(until);
        {
            std::lock_guard lock(mutex);
            if (has_pending()) look_at_all = true;
        }
        if (is_stopping()) co_return;
        auto work_now = [self] { return self->decide_now(); };
        auto decided = co_await run_on(work, work_now);
        if (decided.has_value()) continue;
        log_error(kCopiesComponent, "placements could not be changed", {{"error", decided.error()}});
        co_await pause_for(kRetryDecisions);
        to_decide.set();
    }
}

}  // namespace dl::master
