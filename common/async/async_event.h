// A flag that any thread sets once and one coroutine waits for, with a deadline. Cheap: no thread, one timer
// while somebody waits. The waiting coroutine must run on a serial executor (a thread of NetPool, or a
// strand).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>

namespace dl {

class AsyncEvent {
  public:
    AsyncEvent();
    ~AsyncEvent();
    AsyncEvent(const AsyncEvent&) = delete;
    AsyncEvent& operator=(const AsyncEvent&) = delete;

    // From any thread; idempotent; may be called after the waiter has gone (hold the event by shared_ptr).
    void set();
    bool is_set() const;
    // True once set; false at the deadline or when the coroutine was cancelled. One waiter at a time.
    boost::asio::awaitable<bool> wait(std::chrono::steady_clock::time_point deadline);

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace dl
