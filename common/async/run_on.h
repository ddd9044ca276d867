// co_await run_on(pool, fn): runs blocking `fn` on a worker pool and continues on the coroutine's own executor with its
// result. The work itself cannot be cancelled; it runs to its end even when nobody waits any more, so `fn` must own
// what it touches. Pass callables to co_spawn, never a called capturing lambda.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

#include "common/async/worker_pool.h"
#include "common/base/check.h"

namespace dl {

template <class Fn>
auto run_on(WorkerPool& pool, Fn fn) -> boost::asio::awaitable<decltype(fn())> {
    using Value = decltype(fn());
    co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(Value)>(
        [](auto handler, WorkerPool* to, Fn work) {
            auto executor = boost::asio::get_associated_executor(handler);
            auto guard = boost::asio::make_work_guard(executor);
            auto shared = std::make_shared<decltype(handler)>(std::move(handler));
            const bool queued = to->post([shared, guard = std::move(guard), executor, work = std::move(work)]() mutable {
                auto value = std::make_shared<Value>(work());
                boost::asio::post(executor, [shared, value]() mutable { (*shared)(std::move(*value)); });
            });
            DL_CHECK(queued, "worker pools stop after the sessions that use them");
        },
        boost::asio::use_awaitable, &pool, std::move(fn));
}

}  // namespace dl
