#include "common/net/transfer_progress.h"

#include <algorithm>
#include <cstdint>

namespace dl::net {
namespace {

using std::chrono::milliseconds;
using Time = TransferProgress::Time;

// No later than the clock can tell.
Time later(Time from, milliseconds by) {
    const auto most = std::chrono::duration_cast<milliseconds>(Time::max() - from);
    return by >= most ? Time::max() : from + by;
}

milliseconds time_for(std::size_t bytes, std::size_t per_second) {
    return milliseconds(bytes * 1000 / std::max<std::size_t>(per_second, 1));
}

std::size_t bytes_in(milliseconds time, std::size_t per_second) {
    return static_cast<std::size_t>(static_cast<double>(per_second) * static_cast<double>(time.count()) /
                                    1000);
}

}  // namespace

TransferProgress::TransferProgress(const TransferLimits& limits, std::size_t size, Time now, Time deadline)
    : stall_(limits.stall),
      window_bytes_min_(bytes_in(limits.stall, limits.bytes_per_second_min)),
      deadline_(deadline),
      end_(later(later(now, limits.stall), time_for(size, limits.bytes_per_second_min))),
      window_(now),
      look_(now) {}

Time TransferProgress::look_at(bool holds_memory) const {
    auto at = std::min({deadline_, end_, later(window_, stall_)});
    if (holds_memory) at = std::min(at, later(look_, kLook));
    return at;
}

TransferProgress::Verdict TransferProgress::judge(Time now, bool contended) {
    if (now >= deadline_ || now >= end_) return Verdict::too_slow;
    if (now >= later(window_, stall_)) {
        if (window_bytes_ < std::max<std::size_t>(window_bytes_min_, 1)) return Verdict::too_slow;
        window_ = now;
        window_bytes_ = 0;
    }
    if (now >= later(look_, kLook)) {
        const bool slow = contended && look_bytes_ < kBytesPerLookContended;
        slow_looks_ = slow ? slow_looks_ + 1 : 0;
        look_ = now;
        look_bytes_ = 0;
        if (slow_looks_ >= kSlowLooksMax) return Verdict::in_the_way;
    }
    return Verdict::goes_on;
}

void TransferProgress::pause(Time from, Time now) {
    const auto by = now - from;
    if (end_ != Time::max()) end_ = later(end_, std::chrono::duration_cast<milliseconds>(by));
    window_ += by;
    look_ += by;
}

}  // namespace dl::net
