// Heartbeats: one after the other to each slave, and what its answers say.
#include <algorithm>
#include <boost/asio/error.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/log.h"
#include "common/net/connection.h"
#include "master/control/replica_controller_state.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kTellAllMax{10'000};

// Whether the machine is there and nobody listens: the process has ended.
asio::awaitable<bool> is_refused(std::string address, steady_clock::time_point deadline) {
    auto connected = co_await net::connect(std::move(address), deadline);
    if (connected.has_value()) co_return false;
    const auto refused = boost::system::error_code(asio::error::connection_refused).message();
    co_return connected.error().message.ends_with(refused);
}

}  // namespace

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
        log_warn(kCopiesComponent, "a heartbeat failed", {{"slave", slave.address}, {"error", *error}});
    slave.last_error = error->to_text();
    if (!refused || node == NodeId{} || stopping) co_return;
    if (liveness.is_live(node, steady_clock::now()))
        log_info(kCopiesComponent, "a slave has ended", {{"slave", slave.address}, {"node", node.value}});
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
    if (options.on_query_memory) options.on_query_memory(node, reply.queries);
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
    log_info(kCopiesComponent, "a slave has other assignments and is told all", {{"slave", slave.address}});
    index.tell_all(node);
    slave.to_tell.set();
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

}  // namespace dl::master
