// Wakes one coroutine again and again: what was set while it did not wait is seen at the next wait. Thread-
// safe; see AsyncEvent for who may wait.
#pragma once

#include <memory>
#include <mutex>

#include "common/async/async_event.h"

namespace dl::master {

class Wakeup {
  public:
    void set() { event()->set(); }
    // Returns when set() was called since the last wait, or at the deadline.
    boost::asio::awaitable<void> wait(std::chrono::steady_clock::time_point deadline) {
        const auto current = event();
        (void)co_await current->wait(deadline);
        std::lock_guard lock(mutex_);
        if (event_->is_set()) event_ = std::make_shared<AsyncEvent>();
    }

  private:
    std::shared_ptr<AsyncEvent> event() {
        std::lock_guard lock(mutex_);
        return event_;
    }
    std::mutex mutex_;
    std::shared_ptr<AsyncEvent> event_ = std::make_shared<AsyncEvent>();
};

}  // namespace dl::master
