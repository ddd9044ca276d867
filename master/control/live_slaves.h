// For who places copies on the slaves that are there.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "master/control/copy_control.h"

namespace dl::master {

// Until one slave lives, or `until`: one that has just been greeted may be taken for dead until its first
// heartbeat is answered. nullptr: nobody knows, nothing is waited for.
inline boost::asio::awaitable<void> wait_for_a_live_slave(const CopyControl* copies, rpc::Deadline until) {
    constexpr std::chrono::milliseconds kPause{50};
    while (copies != nullptr && copies->states().live.empty() &&
           std::chrono::steady_clock::now() + kPause < until) {
        boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, kPause);
        co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    }
}

// Takes those that are dead out of `nodes`. UNAVAILABLE when none is left of some.
inline Result<void> leave_out_dead(std::vector<NodeId>& nodes, const NodeStates& states) {
    const auto configured = nodes.size();
    std::erase_if(nodes, [&](NodeId node) { return states.dead.contains(node); });
    if (!nodes.empty() || configured == 0) return {};
    return make_error(ErrorCode::unavailable,
                      "of the " + std::to_string(configured) +
                          " slaves in slave.nodes none answers yet; start them, or repeat the statement in a "
                          "moment");
}

}  // namespace dl::master
