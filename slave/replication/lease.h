// This node's lease: how long it may serve what it leads without hearing of the controller again. Counted
// from the moment it sent the reply that a heartbeat names (replica_messages.h), by its own clock, so that
// whatever the network delays, it ends here before the controller takes it for over. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

namespace dl::slave {

class Lease {
  public:
    // `uptime_us` never goes back, and goes on while the machine sleeps (CLOCK_BOOTTIME).
    explicit Lease(std::function<std::int64_t()> uptime_us) : uptime_us_(std::move(uptime_us)) {}

    // The number of the reply that is being sent now, to this controller. Of another one than before: the
    // lease that one had given is over.
    std::uint64_t reply_to(const std::string& controller);
    // A heartbeat of this controller names reply `sequence`; unknown and old ones change nothing.
    void granted(const std::string& controller, std::uint64_t sequence, std::int64_t lease_us);
    bool held() const { return uptime_us_() < until_us_.load(std::memory_order_acquire); }
    // Whether heartbeats of this controller are the ones that were answered last.
    bool is_of(const std::string& controller) const;

  private:
    struct Sent {
        std::uint64_t sequence;
        std::int64_t at_us;
    };
    static constexpr std::size_t kRepliesKept = 64;

    const std::function<std::int64_t()> uptime_us_;
    std::atomic<std::int64_t> until_us_{0};
    mutable std::mutex mutex_;
    std::string controller_;
    std::uint64_t next_ = 1;
    std::deque<Sent> sent_;
};

// CLOCK_BOOTTIME in microseconds.
std::int64_t uptime_us();

}  // namespace dl::slave
