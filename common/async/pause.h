// A pause between two tries of a coroutine.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>

namespace dl {

// False, without waiting, when `length` from now is `until` or later, and at once when the caller is
// cancelled, before or meanwhile. From then on the caller is not thrown out by its cancellation: it is to
// end.
boost::asio::awaitable<bool> pause_before(std::chrono::steady_clock::time_point until,
                                          std::chrono::milliseconds length);

}  // namespace dl
