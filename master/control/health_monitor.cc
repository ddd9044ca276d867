#include "master/control/health_monitor.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "common/async/async_event.h"
#include "common/base/log.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr std::string_view kComponent = "master.health";

// What is known of the slave at one address.
struct SlaveState {
    std::optional<bool> up;
    std::string last_error;
    NodeId node;
    steady_clock::time_point cleanup_due = steady_clock::now();
};

}  // namespace

struct HealthMonitor::State {
    State(const SlaveDirectory& slave_directory, NodeRegistrar& node_registrar, TableManager& table_manager,
          HealthOptions health_options)
        : slaves(slave_directory), nodes(node_registrar), tables(table_manager), options(health_options) {}

    const SlaveDirectory& slaves;
    NodeRegistrar& nodes;
    TableManager& tables;
    const HealthOptions options;
    std::mutex mutex;
    std::condition_variable ended;
    std::vector<std::unique_ptr<AsyncEvent>> stops;  // one a coroutine: an event has one waiter
    std::size_t running = 0;

    asio::awaitable<void> check(SlaveState& known, std::string address) {
        auto greeted = co_await nodes.greet(address, steady_clock::now() + options.ping_timeout);
        if (greeted.has_error()) {
            auto error = greeted.error().to_text();
            error.resize(std::min(error.size(), error.find(" (next try in ")));  // which differs each time
            nodes.lost(address, error);
            if (known.up.value_or(true) || error != known.last_error)
                log_warn(kComponent, "slave cannot be used", {{"slave", address}, {"error", error}});
            known.up = false;
            known.last_error = std::move(error);
            co_return;
        }
        known.node = greeted->node.id;
        if (greeted->fresh || !known.up.value_or(false)) {
            log_info(kComponent, "slave is reachable", {{"slave", address}, {"version", greeted->version}});
            co_await tables.catch_up(known.node, steady_clock::now() + std::chrono::seconds(30));
        }
        known.up = true;
    }
};

HealthMonitor::HealthMonitor(const SlaveDirectory& slaves, NodeRegistrar& nodes, TableManager& tables,
                             HealthOptions options)
    : state_(std::make_shared<State>(slaves, nodes, tables, options)) {}

HealthMonitor::~HealthMonitor() {
    stop();
}

asio::awaitable<void> HealthMonitor::watch(std::shared_ptr<State> state, std::string address) {
    AsyncEvent* stop = nullptr;
    {
        std::lock_guard lock(state->mutex);
        stop = state->stops.emplace_back(std::make_unique<AsyncEvent>()).get();
    }
    SlaveState known;
    while (!stop->is_set()) {
        co_await state->check(known, address);
        const auto now = steady_clock::now();
        if (known.up == true && now >= known.cleanup_due) {
            co_await state->tables.retry_drops(known.node, now + std::chrono::seconds(30));
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
