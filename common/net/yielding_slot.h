// A slot of a budget held by work that waits for its peer from time to time. When the peer takes longer than
// kPatience, the slot is given back for others, and taken again, in its turn, before the work goes on.
//
// Threads: all from one executor, that of the work's coroutine.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>

#include "common/net/byte_budget.h"

namespace dl::net {

class YieldingSlot {
  public:
    static constexpr std::chrono::milliseconds kPatience{100};

    YieldingSlot() = default;  // of no budget: there is nothing to wait for
    // `slots` outlives it.
    YieldingSlot(ByteBudget& slots, ByteBudget::Share slot);

    // From now on only the peer is waited for.
    void peer_begins(const boost::asio::any_io_executor& executor);
    // The work goes on. Errors as ByteBudget::acquire().
    boost::asio::awaitable<Result<void>> peer_done(std::chrono::steady_clock::time_point deadline);
    // For good.
    ByteBudget::Share take();

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace dl::net
