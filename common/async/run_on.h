// co_await run_on(pool, fn): runs blocking `fn` on a worker pool and continues on the coroutine's own
// executor with its result. The work itself cannot be cancelled; it runs to its end even when nobody waits
// any more, so `fn` must own what it touches. `fn` may return nothing, and values that have no default
// constructor; it must not throw.
//
// gcc 12 destroys the captures of a lambda, the members of an aggregate T{...} and what a ?: yields twice
// when it is a temporary of an expression with co_await in it. Therefore: name it first. (Moved and copied
// arguments are well, and temporaries of classes with a constructor.) `fn` is moved from; temporaries are
// accepted only when they own nothing (compile-time check):
//     auto work = [rows = std::move(rows)] { return parse(rows); };
//     auto parsed = co_await run_on(pool, work);
// Pass callables to co_spawn, never a called capturing lambda.
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

template <class Fn, class Value>
struct PoolWork {
    explicit PoolWork(Fn fn) : work(std::move(fn)) {}
    void run() { result.emplace(work()); }
    Fn work;
    std::optional<Value> result;
};
template <class Fn>
struct PoolWork<Fn, void> {
    explicit PoolWork(Fn fn) : work(std::move(fn)) {}
    void run() { work(); }
    Fn work;
};

// Shared with the pool: when the coroutine is destroyed while it waits, the work still has its place.
template <class Work>
boost::asio::awaitable<void> suspend_while(WorkerPool& pool, std::shared_ptr<Work> work) {
    co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
        [](auto handler, WorkerPool* to, std::shared_ptr<Work> todo) {
            auto executor = boost::asio::get_associated_executor(handler);
            auto guard = boost::asio::make_work_guard(executor);
            auto shared = std::make_shared<decltype(handler)>(std::move(handler));
            const bool queued = to->post([shared = std::move(shared), guard = std::move(guard), executor,
                                          todo = std::move(todo)]() mutable {
                todo->run();
                boost::asio::post(executor,
                                  [shared = std::move(shared)]() mutable { std::move (*shared)(); });
            });
            DL_CHECK(queued, "worker pools stop after the sessions that use them");
        },
        boost::asio::use_awaitable, &pool, std::move(work));
}

template <class Value, class Work>
boost::asio::awaitable<Value> result_of(WorkerPool& pool, std::shared_ptr<Work> work) {
    co_await suspend_while(pool, work);
    if constexpr (!std::is_void_v<Value>) co_return std::move(*work->result);
}

}  // namespace detail

template <class Fn>
auto run_on(WorkerPool& pool, Fn&& fn) {
    static_assert(std::is_lvalue_reference_v<Fn> || std::is_trivially_destructible_v<std::decay_t<Fn>>,
                  "name the callable and pass it without std::move: see the head of run_on.h");
    using Callable = std::decay_t<Fn>;
    using Value = decltype(std::declval<Callable&>()());
    return detail::result_of<Value>(pool, std::make_shared<detail::PoolWork<Callable, Value>>(std::move(fn)));
}

}  // namespace dl
