// How many bytes a second all compactions of a node may read and write together: a token bucket that holds
// one second's worth, so that small compactions do not wait. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

namespace dl::slave {

class IoBudget {
  public:
    using Clock = std::chrono::steady_clock;
    // 0: no limit.
    explicit IoBudget(std::uint64_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}

    // Takes the bytes and blocks until they are due, or `stop` is set.
    void take(std::uint64_t bytes, const std::atomic<bool>& stop);
    // The same without blocking: how long to wait from `now` on. May be longer than a second.
    std::chrono::nanoseconds reserve(std::uint64_t bytes, Clock::time_point now);

  private:
    const std::uint64_t bytes_per_second_;
    std::mutex mutex_;
    Clock::time_point spent_until_{};  // at this rate, what was taken lasts until then
};

}  // namespace dl::slave
