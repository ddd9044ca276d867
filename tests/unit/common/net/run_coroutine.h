// Runs a coroutine on an executor and waits for its value, for tests.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <stdexcept>

#include "common/net/net_pool.h"

namespace dl::test {

// `make` is called on the executor and gives the awaitable; it lives until the coroutine has ended.
template <class Make>
auto run(const boost::asio::any_io_executor& executor, Make make) {
    auto future = boost::asio::co_spawn(executor, std::move(make), boost::asio::use_future);
    if (future.wait_for(std::chrono::seconds(20)) != std::future_status::ready)
        throw std::runtime_error("the coroutine did not end within 20 s");
    return future.get();
}

inline std::chrono::steady_clock::time_point in_ms(int ms) {
    return std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
}

}  // namespace dl::test
