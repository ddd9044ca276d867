#include "slave/replication/lease.h"

#include <algorithm>
#include <ctime>

namespace dl::slave {

std::uint64_t Lease::reply_to(const std::string& controller) {
    const std::lock_guard lock(mutex_);
    if (controller != controller_) {
        controller_ = controller;
        sent_.clear();
        until_us_.store(0, std::memory_order_release);
    }
    sent_.push_back({next_, uptime_us_()});
    if (sent_.size() > kRepliesKept) sent_.pop_front();
    return next_++;
}

void Lease::granted(const std::string& controller, std::uint64_t sequence, std::int64_t lease_us) {
    const std::lock_guard lock(mutex_);
    if (controller != controller_) return;
    const auto found =
        std::find_if(sent_.begin(), sent_.end(), [&](const Sent& one) { return one.sequence == sequence; });
    if (found == sent_.end()) return;
    until_us_.store(std::max(until_us_.load(std::memory_order_acquire), found->at_us + lease_us),
                    std::memory_order_release);
    sent_.erase(sent_.begin(), found);
}

bool Lease::is_of(const std::string& controller) const {
    const std::lock_guard lock(mutex_);
    return controller == controller_;
}

std::int64_t uptime_us() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace dl::slave
