// co_await run_sized(pool, bytes, fn): small work at once on the caller's thread, because going to another
// thread and back would cost more; the rest as run_on(pool, fn). `fn` gives a Result, what it throws becomes
// its error; it is named and owns what it touches, as run_on.h says.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "common/async/guarded.h"
#include "common/async/run_on.h"
#include "common/base/limits.h"

namespace dl {

// `bytes`: of what the work reads or writes.
template <class Fn>
boost::asio::awaitable<std::invoke_result_t<Fn&>> run_sized(WorkerPool& pool, std::size_t bytes, Fn& fn) {
    if (bytes <= limits::work_here_bytes_max) co_return guarded(fn);
    auto work = [fn = std::move(fn)]() mutable { return guarded(fn); };
    co_return co_await run_on(pool, work);
}

}  // namespace dl
