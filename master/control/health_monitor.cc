#include "master/control/health_monitor.h"

#include <boost/asio/co_spawn.hpp>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "common/async/async_event.h"
#include "common/base/log.h"
#include "master/routing/rpc_codec.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr std::string_view kComponent = "master.health";

// What is known of one slave.
struct SlaveState {
    std::optional<bool> up;
    std::string incarnation;
    steady_clock::time_point cleanup_due = steady_clock::now();
};

}  // namespace

struct HealthMonitor::State {
    State(const SlaveDirectory& slave_directory, TableManager& table_manager, HealthOptions health_options)
        : slaves(slave_directory), tables(table_manager), options(health_options) {}

    const SlaveDirectory& slaves;
    TableManager& tables;
    const HealthOptions options;
    std::mutex mutex;
    std::condition_variable ended;
    std::vector<std::unique_ptr<AsyncEvent>> stops;  // one a coroutine: an event has one waiter
    std::size_t running = 0;

    asio::awaitable<void> check(SlaveState& known, std::string node, std::shared_ptr<rpc::RpcClient> slave) {
        auto reply =
            co_await slave->call(rpc::Method::ping, "{}", {}, steady_clock::now() + options.ping_timeout);
        if (reply.has_error()) {
            if (known.up.value_or(true))
                log_warn(kComponent, "slave cannot be reached", {{"slave", node}, {"error", reply.error()}});
            known.up = false;
            co_return;
        }
        auto ping = decode_ping_reply(reply->end_json);
        const std::string incarnation = ping.has_value() ? ping->incarnation : "";
        const bool back = !known.up.value_or(false) || incarnation != known.incarnation;
        if (back) {
            log_info(kComponent, "slave is reachable",
                     {{"slave", node}, {"version", ping.has_value() ? ping->version : "unknown"}});
            co_await tables.catch_up(node, steady_clock::now() + std::chrono::seconds(30));
        }
        known.up = true;
        known.incarnation = incarnation;
    }
};

HealthMonitor::HealthMonitor(const SlaveDirectory& slaves, TableManager& tables, HealthOptions options)
    : state_(std::make_shared<State>(slaves, tables, options)) {}

HealthMonitor::~HealthMonitor() {
    stop();
}

asio::awaitable<void> HealthMonitor::watch(std::shared_ptr<State> state, std::string node) {
    AsyncEvent* stop = nullptr;
    {
        std::lock_guard lock(state->mutex);
        stop = state->stops.emplace_back(std::make_unique<AsyncEvent>()).get();
    }
    auto slave = state->slaves.client(node);
    SlaveState known;
    while (slave.has_value() && !stop->is_set()) {
        co_await state->check(known, node, *slave);
        const auto now = steady_clock::now();
        if (known.up == true && now >= known.cleanup_due) {
            co_await state->tables.retry_drops(node, now + std::chrono::seconds(30));
            known.cleanup_due = now + state->options.cleanup_interval;
        }
        (void)co_await stop->wait(steady_clock::now() + state->options.interval);
    }
}

void HealthMonitor::start(asio::any_io_executor executor) {
    for (const auto& node : state_->slaves.nodes()) {
        {
            std::lock_guard lock(state_->mutex);
            ++state_->running;
        }
        asio::co_spawn(executor, watch(state_, node), [state = state_](std::exception_ptr thrown) {
            if (thrown) log_error(kComponent, "a watcher ended by an exception");
            std::lock_guard lock(state->mutex);
            --state->running;
            state->ended.notify_all();
        });
    }
}

void HealthMonitor::stop() {
    std::unique_lock lock(state_->mutex);
    while (state_->running != 0) {
        for (const auto& stop : state_->stops)
            stop->set();
        state_->ended.wait_for(lock, std::chrono::milliseconds(20));
    }
}

}  // namespace dl::master
