// Work that is tried again and again, on a thread of its own, until it succeeds: one run at a time, with
// pauses that double from one failure to the next.
#pragma once

#include <cstdint>
#include <functional>
#include <thread>

#include "common/base/synchronized.h"

namespace dl::slave {

// Thread-safe.
class RetryThread {
  public:
    ~RetryThread() { stop(); }
    // One tick of whoever counts the pauses. Runs `work` unless a run or a pause is under way; false: it
    // failed.
    void tick(std::function<bool()> work);
    // Waits for the run that is under way; there is none any more.
    void stop();

  private:
    struct State {
        std::jthread thread;
        bool running = false;
        bool stopped = false;
        unsigned failures = 0;  // one after the other
        std::uint64_t ticks_to_wait = 0;
    };
    Synchronized<State> state_;
};

}  // namespace dl::slave
