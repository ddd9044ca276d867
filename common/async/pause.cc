#include "common/async/pause.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace dl {

namespace asio = boost::asio;

asio::awaitable<bool> pause_before(std::chrono::steady_clock::time_point until,
                                   std::chrono::milliseconds length) {
    co_await asio::this_coro::throw_if_cancelled(false);
    const auto state = co_await asio::this_coro::cancellation_state;
    const bool in_time = std::chrono::steady_clock::now() + length < until;
    if (state.cancelled() != asio::cancellation_type::none || !in_time) co_return false;
    asio::steady_timer timer(co_await asio::this_coro::executor, length);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return state.cancelled() == asio::cancellation_type::none;
}

}  // namespace dl
