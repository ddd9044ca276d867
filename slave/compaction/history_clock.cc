#include "slave/compaction/history_clock.h"

#include <algorithm>

namespace dl::slave {
namespace {

// Of clocks that are set all the time; the oldest of more count at once.
constexpr std::size_t kJumpsMax = 64;

}  // namespace

void HistoryClock::follow(std::int64_t wall_us, std::int64_t steady_us) {
    const auto ahead_us = wall_us - steady_us;
    auto moved = started_ ? ahead_us - ahead_us_ : 0;
    started_ = true;
    ahead_us_ = ahead_us;
    if (moved >= kJumpUsMin) {
        jumps_.push_back({steady_us, moved});
        if (jumps_.size() > kJumpsMax) jumps_.erase(jumps_.begin());
    }
    // Set back: what was set forward before was wrong.
    while (moved <= -kJumpUsMin && !jumps_.empty()) {
        auto& last = jumps_.back();
        const auto taken = std::min(last.by_us, -moved);
        last.by_us -= taken;
        moved += taken;
        if (last.by_us < kJumpUsMin) jumps_.pop_back();
    }
}

HistoryClock::Now HistoryClock::look(std::int64_t wall_us, std::int64_t steady_us, std::int64_t age_us_max,
                                     std::span<const SegmentInfo> segments) {
    const std::lock_guard lock(mutex_);
    follow(wall_us, steady_us);
    std::erase_if(jumps_, [&](const Jump& jump) { return steady_us - jump.at_steady_us >= age_us_max; });
    Now now{wall_us, 0};
    for (const auto& jump : jumps_)
        now.us -= jump.by_us;
    std::map<Offset, Ahead> still;
    for (const auto& segment : segments) {
        if (!segment.closed || segment.newest_time_us <= wall_us) continue;
        const auto before = ahead_.find(segment.first_offset);
        const bool known = before != ahead_.end() && before->second.end == segment.end_offset;
        const Ahead one{segment.end_offset, known ? before->second.since_steady_us : steady_us};
        if (steady_us - one.since_steady_us >= age_us_max) now.aged_end = segment.end_offset;
        still.emplace(segment.first_offset, one);
    }
    ahead_ = std::move(still);
    return now;
}

}  // namespace dl::slave
