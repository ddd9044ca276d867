#include "common/async/async_event.h"

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>
#include <optional>

namespace dl {

namespace asio = boost::asio;

struct AsyncEvent::State {
    std::mutex mutex;
    bool set = false;
    std::optional<asio::steady_timer> timer;  // while somebody waits; touched on its executor only
    asio::any_io_executor waiter;             // set while somebody waits
};

AsyncEvent::AsyncEvent() : state_(std::make_shared<State>()) {}
AsyncEvent::~AsyncEvent() = default;

bool AsyncEvent::is_set() const {
    std::lock_guard lock(state_->mutex);
    return state_->set;
}

void AsyncEvent::set() {
    asio::any_io_executor waiter;
    {
        std::lock_guard lock(state_->mutex);
        if (state_->set) return;
        state_->set = true;
        waiter = state_->waiter;
    }
    if (!waiter) return;
    // On the waiter's own serial executor this runs only once it is suspended in its timer.
    asio::post(waiter, [state = state_] {
        if (state->timer) state->timer->cancel();
    });
}

asio::awaitable<bool> AsyncEvent::wait(std::chrono::steady_clock::time_point deadline) {
    auto state = state_;  // the event may be destroyed by who sets it
    const auto executor = co_await asio::this_coro::executor;
    {
        std::lock_guard lock(state->mutex);
        if (state->set) co_return true;
        state->waiter = executor;
    }
    state->timer.emplace(executor, deadline);
    (void)co_await state->timer->async_wait(asio::as_tuple(asio::use_awaitable));
    state->timer.reset();
    std::lock_guard lock(state->mutex);
    state->waiter = {};
    co_return state->set;
}

}  // namespace dl
