// co_await run_on(pool, fn): runs blocking `fn` on a worker pool and continues on the coroutine's own
// executor with its result. The work itself cannot be cancelled; it runs to its end even when nobody waits
// any more, so `fn` must own what it touches. `fn` may return nothing, and values that have no default
// constructor; it must not throw. Pass callables to co_spawn, never a called capturing lambda.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "common/async/worker_pool.h"
#include "common/base/check.h"

namespace dl {

namespace detail {

// Suspends the coroutine while `fn` runs on the pool; `fn` leaves its result where the coroutine finds it.
template <class Fn>
boost::asio::awaitable<void> suspend_while(WorkerPool& pool, Fn fn) {
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
        [](auto handler, WorkerPool* to, Fn work) {
            auto executor = boost::asio::get_associated_executor(handler);
            auto guard = boost::asio::make_work_guard(executor);
            auto shared = std::make_shared<decltype(handler)>(std::move(handler));
            const bool queued = to->post([shared = std::move(shared), guard = std::move(guard), executor,
                                          work = std::move(work)]() mutable {
                work();
                boost::asio::post(executor,
                                  [shared = std::move(shared)]() mutable { std::move (*shared)(); });
            });
            DL_CHECK(queued, "worker pools stop after the sessions that use them");
        },
        boost::asio::use_awaitable, &pool, std::move(fn));
}

}  // namespace detail

template <class Fn>
auto run_on(WorkerPool& pool, Fn fn) -> boost::asio::awaitable<decltype(fn())> {
    using Value = decltype(fn());
    if constexpr (std::is_void_v<Value>) {
        auto work = std::make_shared<Fn>(std::move(fn));  // std::function wants copyable callables
        co_await detail::suspend_while(pool, [work] { (*work)(); });
    } else {
        // Shared: when the coroutine is destroyed while it waits, the work still has a place for its result.
        auto result = std::make_shared<std::optional<Value>>();
        auto work = std::make_shared<Fn>(std::move(fn));
        co_await detail::suspend_while(pool, [result, work] { result->emplace((*work)()); });
        co_return std::move(**result);
    }
}

}  // namespace dl
