// Runs a coroutine on an event loop and blocks the calling thread (never one of the loop's) until it has
// ended. A QueryCancel reaches the coroutine as Asio cancellation.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "common/async/query_cancel.h"
#include "common/base/error.h"

namespace dl {

// A coroutine that runs in the background and whose result one thread waits for.
template <class T>
class BackgroundCall {
  public:
    using Work = std::function<boost::asio::awaitable<Result<T>>()>;

    BackgroundCall(boost::asio::any_io_executor executor, Work work, QueryCancel& cancel)
        : executor_(executor), state_(std::make_shared<State>()) {
        boost::asio::post(executor, [executor, state = state_, work = std::move(work)]() mutable {
            boost::asio::co_spawn(
                executor, run(state, std::move(work)),
                boost::asio::bind_cancellation_slot(state->signal.slot(), [state](std::exception_ptr thrown) {
                    if (thrown) state->finish(make_error(ErrorCode::internal, "a call failed"));
                }));
        });
        registration_ = cancel.on_cancel([executor, state = state_](ErrorCode) {
            boost::asio::post(executor,
                              [state] { state->signal.emit(boost::asio::cancellation_type::terminal); });
        });
    }
    // Cancels the coroutine; wait() then returns soon.
    void abort() {
        boost::asio::post(executor_,
                          [state = state_] { state->signal.emit(boost::asio::cancellation_type::terminal); });
    }
    // Whether it has ended, after at most that time; as often as wanted before wait().
    bool wait_for(std::chrono::milliseconds time) {
        std::unique_lock lock(state_->mutex);
        return state_->ended.wait_for(lock, time, [this] { return state_->result.has_value(); });
    }
    // Waits for the end in any case; once.
    Result<T> wait() {
        std::unique_lock lock(state_->mutex);
        state_->ended.wait(lock, [this] { return state_->result.has_value(); });
        return std::move(*state_->result);
    }

  private:
    struct State {
        std::mutex mutex;
        std::condition_variable ended;
        std::optional<Result<T>> result;
        boost::asio::cancellation_signal signal;

        void finish(Result<T> value) {
            std::lock_guard lock(mutex);
            if (!result) result.emplace(std::move(value));
            ended.notify_all();
        }
    };
    static boost::asio::awaitable<void> run(std::shared_ptr<State> state, Work work) {
        co_await boost::asio::this_coro::throw_if_cancelled(false);
        auto value = co_await work();
        state->finish(std::move(value));
    }

    boost::asio::any_io_executor executor_;
    std::shared_ptr<State> state_;
    QueryCancel::Registration registration_;
};

}  // namespace dl
