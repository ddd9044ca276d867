#include "master/control/replica_controller.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

#include "common/base/log.h"
#include "master/control/replica_controller_state.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kAnnouncePause{3};

}  // namespace

asio::awaitable<void> pause_for(milliseconds length) {
    asio::steady_timer timer(co_await asio::this_coro::executor, length);
    (void)co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
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
            if (thrown) log_error(kCopiesComponent, "a part of the controller ended by an exception");
            std::lock_guard lock(state->mutex);
            --state->running;
            state->ended.notify_all();
        });
    };
    for (const auto& slave : state->slaves) {
        auto* one = slave.get();
        run([state, one] { return state->watch(*one); });
        run([state, one] { return state->tell(*one, state); });
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
        co_await pause_for(kAnnouncePause);
    }
}

}  // namespace dl::master
