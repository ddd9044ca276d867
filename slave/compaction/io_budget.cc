#include "slave/compaction/io_budget.h"

#include <algorithm>
#include <thread>

#include "common/base/check.h"

namespace dl::slave {
namespace {

constexpr std::chrono::nanoseconds kBurst = std::chrono::seconds(1);
constexpr std::chrono::nanoseconds kStopCheckInterval = std::chrono::milliseconds(20);

}  // namespace

std::chrono::nanoseconds IoBudget::reserve(std::uint64_t bytes, Clock::time_point now) {
    if (bytes_per_second_ == 0) return std::chrono::nanoseconds(0);
    const auto cost = std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(static_cast<double>(bytes) / static_cast<double>(bytes_per_second_)));
    const std::lock_guard lock(mutex_);
    DL_CHECK(cost.count() >= 0, "INV-12 a budget is spent forward");
    spent_until_ = std::max(spent_until_, now) + cost;
    return std::max(spent_until_ - now - kBurst, std::chrono::nanoseconds(0));
}

void IoBudget::take(std::uint64_t bytes, const std::atomic<bool>& stop) {
    auto now = Clock::now();
    const auto due = now + reserve(bytes, now);
    while (!stop.load() && now < due) {
        std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(due - now, kStopCheckInterval));
        now = Clock::now();
    }
}

}  // namespace dl::slave
