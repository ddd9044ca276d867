// A mutex that is given in the order it was asked for: one thread that takes it again and again does not keep
// others from it, as it may with std::mutex, whose waiters have to wake up first. For long holds; each wait
// costs a wake-up of all that wait.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace dl {

class FairMutex {
  public:
    FairMutex() = default;
    FairMutex(const FairMutex&) = delete;
    FairMutex& operator=(const FairMutex&) = delete;

    void lock() {
        std::unique_lock hold(mutex_);
        const auto mine = next_++;
        changed_.wait(hold, [&] { return served_ == mine; });
    }
    void unlock() {
        {
            const std::lock_guard hold(mutex_);
            ++served_;
        }
        changed_.notify_all();
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t next_ = 0;    // the turn of who asks next
    std::uint64_t served_ = 0;  // the turn of who has it, or would get it
};

}  // namespace dl
