#include "master/control/replica_controller.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <utility>

#include "common/async/run_on.h"
#include "common/base/log.h"
#include "common/base/random_id.h"
#include "common/net/connection.h"
#include "master/control/replica_decisions.h"
#include "master/control/wakeup.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Time = steady_clock::time_point;

constexpr std::string_view kComponent = "master.copies";
constexpr std::size_t kChangesLogged = 20;  // of one pass, one by one
constexpr milliseconds kRetryDecisions{1000};
constexpr milliseconds kRefusalPause{1000};  // until a leader that asks again is answered again
constexpr milliseconds kRetryTelling{200};
constexpr milliseconds kTellAllFirst{1000}, kTellAllMax{10'000};
constexpr auto kTellingPatience = std::chrono::seconds(30);
constexpr milliseconds kAnnouncePause{3};
constexpr milliseconds kElectionPoll{200};
constexpr milliseconds kAskAgain{1000};  // what a copy has that does not serve yet

asio::awaitable<void> pause(milliseconds length) {
    asio::steady_timer timer(co_await asio::this_coro::executor, length);
    (void)co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

// Whether the machine is there and nobody listens: the process has ended.
asio::awaitable<bool> is_refused(std::string address, Time deadline) {
    auto connected = co_await net::connect(std::move(address), deadline);
    if (connected.has_value()) co_return false;
    const auto refused = boost::system::error_code(asio::error::connection_refused).message();
    co_return connected.error().message.ends_with(refused);
}

std::string node_list(const std::vector<NodeId>& nodes, const NodeMap& known) {
    std::string text;
    for (const auto node : nodes) {
        const auto found = known.find(node);
        text += (text.empty() ? "" : ",") +
                (found == known.end() ? std::to_string(node.value) : found->second.address);
    }
    return text;
}

// A partition whose leader is being found.
struct Electing {
    Time began, asked_at;
    std::vector<NodeId> asked;
    Election known;

    bool is_to_say(NodeId node) const {
        return std::find(asked.begin(), asked.end(), node) != asked.end() && !known.reports.contains(node);
    }
};

// One slave as it is configured.
struct Slave {
    explicit Slave(std::string at) : address(std::move(at)) {}
    const std::string address;
    Wakeup to_tell, to_ask;
    // Under State::mutex.
    bool telling = false;
    Time tell_all_at{};  // not again before
    milliseconds tell_all_pause{kTellAllFirst};
    std::string last_error;
};

}  // namespace

struct ReplicaController::State {
    State(Catalog& catalog_, const SlaveDirectory& slaves_, WorkerPool& work_, ReplicaOptions options_)
        : catalog(catalog_),
          directory(slaves_),
          work(work_),
          options(options_),
          liveness(options_.times, steady_clock::now()) {
        for (const auto& address : slaves_.nodes())
            slaves.push_back(std::make_unique<Slave>(address));
    }

    Catalog& catalog;
    const SlaveDirectory& directory;
    WorkerPool& work;
    const ReplicaOptions options;
    const std::string controller = random_hex(static_cast<int>(rpc::kProcessIdBytes));
    std::vector<std::unique_ptr<Slave>> slaves;
    Wakeup to_decide;

    mutable std::mutex mutex;
    std::condition_variable ended;
    std::size_t running = 0;
    bool stopping = false;
    NodeLiveness liveness;
    ReplicaIndex index;
    NodeStates decided_with;
    bool look_at_all = true;
    std::set<NodeId> restarted;
    std::map<NodeId, std::vector<rpc::ReplicaProposal>> proposals;
    std::map<NodeId, Time> live_since;
    Time next_hand_back{};
    bool hand_backs_wait = false;
    std::map<ReplicaKey, Time> refusals;
    std::map<ReplicaKey, Electing> elections;
    std::map<NodeId, Time> unconfirmed;  // since then: DecisionInput::unconfirmed

    // Decisions that wait for time to pass.
    bool has_pending() const { return !elections.empty() || !unconfirmed.empty(); }
    bool is_stopping() const {
        std::lock_guard lock(mutex);
        return stopping;
    }
    std::vector<NodeId> all_nodes() const {
        std::vector<NodeId> all;
        for (const auto& [node, known] : *index.nodes())
            all.push_back(node);
        return all;
    }
    NodeId node_of(const std::string& address) const {
        const auto nodes = catalog.tables().nodes();
        const auto* node = node_at(*nodes, address);
        return node == nullptr ? NodeId{} : node->id;
    }

    // From the catalog into the index; whoever is to be told something is woken.
    void follow_catalog() {
        if (!index.refresh(catalog.tables())) return;
        look_at_all = true;
        for (const auto& slave : slaves)
            if (!index.is_told_all(node_of(slave->address))) slave->to_tell.set();
    }

    asio::awaitable<void> ask(Slave& slave);
    void take_answer(Slave& slave, NodeId node, const rpc::HeartbeatReply& reply, std::uint64_t activity);
    asio::awaitable<void> watch(Slave& slave);
    asio::awaitable<Result<void>> tell_part(Slave& slave, NodeId node, const ReplicaIndex::Telling& telling);
    asio::awaitable<void> tell(Slave& slave);
    std::vector<rpc::ReplicaRef> to_be_asked(NodeId node) const;
    void take_reports(NodeId node, const rpc::HeartbeatReply& reply);
    void hold_elections(Decisions& decided, bool all, Time now);
    std::optional<DecisionInput> collect();
    Result<void> decide_now();
    void log_changes(const std::vector<Decision>& made, Time began) const;
    asio::awaitable<void> decide_again_and_again(std::shared_ptr<State> self);
};

// One heartbeat.
asio::awaitable<void> ReplicaController::State::ask(Slave& slave) {
    auto client = directory.client(slave.address);
    if (client.has_error()) co_return;
    const auto node = node_of(slave.address);
    rpc::HeartbeatRequest request;
    request.cluster_id = catalog.cluster_id();
    request.controller = controller;
    request.lease_ms = static_cast<std::uint32_t>(options.times.lease.count());
    std::uint64_t activity = 0;
    {
        std::lock_guard lock(mutex);
        if (node != NodeId{}) {
            auto named = liveness.begin_heartbeat(node);
            request.process = std::move(named.process);
            request.answers = named.sequence;
            request.asked = to_be_asked(node);
        }
        activity = index.activity(node);
    }
    const auto deadline = steady_clock::now() + options.times.lease;
    auto called =
        co_await (*client)->call(rpc::Method::heartbeat, rpc::encode(request), {}, deadline, nullptr);
    std::optional<Error> error;
    if (called.has_value()) {
        auto reply = rpc::decode_reply<rpc::HeartbeatReply>(called->end_json);
        if (reply.has_value()) {
            std::lock_guard lock(mutex);
            take_answer(slave, node, *reply, activity);
            co_return;
        }
        error = std::move(reply).error();
    } else {
        error = std::move(called).error();
    }
    bool refused = false;
    if (error->code == ErrorCode::unavailable) refused = co_await is_refused(slave.address, deadline);
    std::lock_guard lock(mutex);
    if (slave.last_error.empty() && error->code != ErrorCode::unavailable)
        log_warn(kComponent, "a heartbeat failed", {{"slave", slave.address}, {"error", *error}});
    slave.last_error = error->to_text();
    if (!refused || node == NodeId{} || stopping) co_return;
    if (liveness.is_live(node, steady_clock::now()))
        log_info(kComponent, "a slave has ended", {{"slave", slave.address}, {"node", node.value}});
    liveness.refused(node);
    to_decide.set();
}

void ReplicaController::State::take_answer(Slave& slave, NodeId node, const rpc::HeartbeatReply& reply,
                                           std::uint64_t activity) {
    const auto now = steady_clock::now();
    slave.last_error.clear();
    // One that is not, or not yet, what the catalog knows at this address is greeted by the health monitor.
    const auto nodes = catalog.tables().nodes();
    const auto found = nodes->find(reply.node_id);
    if (node == NodeId{} || reply.node_id != node || found == nodes->end() ||
        found->second.incarnation != reply.incarnation)
        return;
    const bool was_stopping = liveness.states(std::vector<NodeId>{node}, now).stopping.contains(node);
    const auto answer = liveness.answered(node, reply.process, reply.sequence, reply.stopping, now);
    if (answer != NodeLiveness::Answer::known) {
        for (auto& [key, electing] : elections)
            electing.known.reports.erase(node);
        unconfirmed[node] = now;
        live_since[node] = now;
        index.tell_addresses(node);
        slave.tell_all_at = {};
        slave.to_tell.set();
    }
    if (answer == NodeLiveness::Answer::restarted) restarted.insert(node);
    bool wake = answer != NodeLiveness::Answer::known || was_stopping != reply.stopping;
    take_reports(node, reply);
    if (!reply.proposals.empty()) {
        proposals[node] = reply.proposals;
        wake = true;
    }
    if (wake) to_decide.set();
    // Compared only when nothing was under way since the question was sent.
    if (activity != index.activity(node) || slave.telling || !index.is_told_all(node)) return;
    if (reply.assignments == index.digest(node)) {
        slave.tell_all_pause = kTellAllFirst;
        if (unconfirmed.erase(node) == 0) return;
        look_at_all = true;
        to_decide.set();
        return;
    }
    if (now < slave.tell_all_at) return;
    slave.tell_all_at = now + slave.tell_all_pause;
    slave.tell_all_pause = std::min(slave.tell_all_pause * 2, kTellAllMax);
    log_info(kComponent, "a slave has other assignments and is told all", {{"slave", slave.address}});
    index.tell_all(node);
    slave.to_tell.set();
}

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

asio::awaitable<void> ReplicaController::State::watch(Slave& slave) {
    while (!is_stopping()) {
        const auto next = steady_clock::now() + options.times.heartbeat;
        co_await ask(slave);
        {
            std::lock_guard lock(mutex);
            follow_catalog();
            if (look_at_all) to_decide.set();
        }
        co_await slave.to_ask.wait(next);
    }
}

// Partitions that are new there, then the assignments.
asio::awaitable<Result<void>> ReplicaController::State::tell_part(Slave& slave, NodeId node,
                                                                  const ReplicaIndex::Telling& telling) {
    auto client = directory.client(slave.address);
    if (client.has_error()) co_return std::move(client).error();
    const auto deadline = steady_clock::now() + kTellingPatience;
    for (auto request : telling.create) {
        request.cluster_id = catalog.cluster_id();
        auto created =
            co_await (*client)->call(rpc::Method::create_table, rpc::encode(request), {}, deadline);
        if (created.has_error()) co_return std::move(created).error();
        if (catalog.tables().placement(request.table.id) != nullptr) continue;
        // Dropped meanwhile, and the drop may have come there first.
        const rpc::DropTableRequest drop{{request.table.id, request.table.name, request.table.incarnation}};
        auto dropped = co_await (*client)->call(rpc::Method::drop_table, rpc::encode(drop), {}, deadline);
        if (dropped.has_error()) co_return std::move(dropped).error();
    }
    auto request = telling.request;
    request.cluster_id = catalog.cluster_id();
    request.controller = controller;
    auto assigned =
        co_await (*client)->call(rpc::Method::assign_replicas, rpc::encode(request), {}, deadline);
    if (assigned.has_error()) co_return std::move(assigned).error();
    std::lock_guard lock(mutex);
    index.told(node, telling);
    co_return Result<void>();
}

asio::awaitable<void> ReplicaController::State::tell(Slave& slave) {
    while (!is_stopping()) {
        const auto node = node_of(slave.address);
        std::optional<ReplicaIndex::Telling> telling;
        {
            std::lock_guard lock(mutex);
            slave.telling = false;
            if (node != NodeId{} && liveness.is_live(node, steady_clock::now()))
                telling = index.next_telling(node);
            slave.telling = telling.has_value();
        }
        if (!telling) {
            co_await slave.to_tell.wait(steady_clock::now() + std::chrono::seconds(1));
            continue;
        }
        auto told = co_await tell_part(slave, node, *telling);
        if (told.has_value()) continue;
        DL_LOG_LIMITED(1, LogLevel::warn, kComponent, "a slave could not be told its assignments",
                       {"slave", slave.address}, {"error", told.error()});
        {
            std::lock_guard lock(mutex);
            index.tell_addresses(node);
        }
        co_await pause(kRetryTelling);
    }
}

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
            log_error(kComponent, "a decision was refused",
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
        log(kComponent, what,
            {{"table", decision.table},
             {"partition", decision.change.partition.value},
             {"leader", next.leader == NodeId{} ? std::string_view("none") : std::string_view(leader)},
             {"epoch", next.leader_epoch.value},
             {"in_sync", in_sync},
             {"copies", copies},
             {"cause", decision.cause}});
    }
    if (logged > kChangesLogged)
        log_info(kComponent, "many partitions were changed at once",
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
        log_error(kComponent, "placements could not be changed", {{"error", decided.error()}});
        co_await pause(kRetryDecisions);
        to_decide.set();
    }
}

ReplicaController::ReplicaController(Catalog& catalog, const SlaveDirectory& slaves, WorkerPool& work,
                                     ReplicaOptions options)
    : state_(std::make_shared<State>(catalog, slaves, work, options)) {
    state_->index.refresh(catalog.tables());
}

ReplicaController::~ReplicaController() {
    stop();
}

void ReplicaController::start(asio::any_io_executor executor) {
    const auto state = state_;
    const auto run = [&](auto coroutine) {
        {
            std::lock_guard lock(state->mutex);
            ++state->running;
        }
        asio::co_spawn(executor, std::move(coroutine), [state](std::exception_ptr thrown) {
            if (thrown) log_error(kComponent, "a part of the controller ended by an exception");
            std::lock_guard lock(state->mutex);
            --state->running;
            state->ended.notify_all();
        });
    };
    for (const auto& slave : state->slaves) {
        auto* one = slave.get();
        run([state, one] { return state->watch(*one); });
        run([state, one] { return state->tell(*one); });
    }
    run([state] { return state->decide_again_and_again(state); });
}

void ReplicaController::stop() {
    std::unique_lock lock(state_->mutex);
    state_->stopping = true;
    while (state_->running != 0) {
        state_->to_decide.set();
        for (const auto& slave : state_->slaves) {
            slave->to_tell.set();
            slave->to_ask.set();
        }
        state_->ended.wait_for(lock, milliseconds(20));
    }
}

NodeStates ReplicaController::states() const {
    std::lock_guard lock(state_->mutex);
    return state_->liveness.states(state_->all_nodes(), steady_clock::now());
}

std::vector<NodeView> ReplicaController::nodes() const {
    const auto known = state_->catalog.tables().nodes();
    std::lock_guard lock(state_->mutex);
    const auto now = steady_clock::now();
    std::vector<NodeView> views;
    for (const auto& [id, node] : *known) {
        if (node.displaced) continue;
        NodeView view;
        view.id = id;
        view.address = node.address;
        const auto states = state_->liveness.states(std::vector<NodeId>{id}, now);
        view.state = states.stopping.contains(id) ? NodeView::State::stopping
                     : states.live.contains(id)   ? NodeView::State::live
                     : states.dead.contains(id)   ? NodeView::State::dead
                                                  : NodeView::State::unknown;
        if (const auto answered = state_->liveness.last_answer(id))
            view.silent_for = std::chrono::duration_cast<milliseconds>(now - *answered);
        view.is_told_all = state_->index.is_told_all(id);
        views.push_back(std::move(view));
    }
    return views;
}

asio::awaitable<void> ReplicaController::announce(TableId table, rpc::Deadline until) {
    const auto state = state_;
    for (;;) {
        bool told = true;
        {
            std::lock_guard lock(state->mutex);
            if (state->stopping) co_return;
            state->follow_catalog();
            if (state->look_at_all) state->to_decide.set();
            const auto now = steady_clock::now();
            const auto* known = state->index.table(table);
            if (known == nullptr) co_return;
            for (const auto node : nodes_of(*known->placement))
                told = told && (!state->liveness.is_live(node, now) || state->index.is_told(node, table));
        }
        if (told || steady_clock::now() + kAnnouncePause >= until) co_return;
        co_await pause(kAnnouncePause);
    }
}

}  // namespace dl::master
