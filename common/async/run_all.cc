#include "common/async/run_all.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <deque>
#include <exception>
#include <memory>

#include "common/async/async_event.h"

namespace dl {
namespace {

namespace asio = boost::asio;

constexpr auto kLongWait = std::chrono::hours(1);

// The children of one call. Everything happens on the caller's serial executor.
struct Group {
    std::deque<asio::cancellation_signal> signals;
    std::size_t running = 0;
    std::exception_ptr failure;
    AsyncEvent done;

    void cancel_children() {
        for (auto& signal : signals)
            signal.emit(asio::cancellation_type::terminal);
    }
    void child_ended(std::exception_ptr thrown) {
        if (thrown && !failure) failure = thrown;
        if (--running == 0) done.set();
    }
};

asio::awaitable<void> run_child(RaceTask task, std::shared_ptr<Group> group) {
    co_await asio::this_coro::throw_if_cancelled(false);
    const bool first = co_await task();
    // Not from here: the signal must not reach the coroutine it is sent from.
    if (!first) co_return;
    auto executor = co_await asio::this_coro::executor;
    asio::post(executor, [group] { group->cancel_children(); });
}

}  // namespace

asio::awaitable<void> run_until_first(std::vector<RaceTask> tasks) {
    if (tasks.empty()) co_return;
    if (tasks.size() == 1) {
        (void)co_await tasks[0]();
        co_return;
    }
    auto executor = co_await asio::this_coro::executor;
    // The tasks refer to the caller's frame, so nothing may be thrown out of the wait below.
    const bool throwing = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    const auto state = co_await asio::this_coro::cancellation_state;
    auto group = std::make_shared<Group>();
    group->running = tasks.size();
    for (auto& task : tasks) {
        auto& signal = group->signals.emplace_back();
        asio::co_spawn(executor, run_child(task, group),
                       asio::bind_cancellation_slot(signal.slot(), [group](std::exception_ptr thrown) {
                           group->child_ended(thrown);
                       }));
    }
    // wait() also ends when the caller is cancelled: then the children are, and are still waited for.
    bool passed_on = false;
    while (group->running != 0) {
        if (!passed_on && state.cancelled() != asio::cancellation_type::none) {
            passed_on = true;
            group->cancel_children();
        }
        if (group->running != 0)
            (void)co_await group->done.wait(std::chrono::steady_clock::now() + kLongWait);
    }
    co_await asio::this_coro::throw_if_cancelled(throwing);
    if (group->failure) std::rethrow_exception(group->failure);
}

asio::awaitable<void> run_all(std::vector<Task> tasks) {
    if (tasks.size() == 1) {
        co_await tasks[0]();
        co_return;
    }
    std::vector<RaceTask> races;
    races.reserve(tasks.size());
    for (auto& task : tasks) {
        races.emplace_back([&task]() -> asio::awaitable<bool> {
            co_await task();
            co_return false;
        });
    }
    co_await run_until_first(std::move(races));
}

}  // namespace dl
