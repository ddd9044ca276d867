#include "common/process/crash_history.h"

#include <algorithm>

namespace dl {

void CrashHistory::forget_old(Time now) {
    std::erase_if(entries_, [now](const auto& entry) {
        return entry.second.last + kWindow <= now && entry.second.refused_until <= now;
    });
    if (entries_.size() < kStatementsMax) return;
    const auto oldest = std::min_element(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) {
        return a.second.last < b.second.last;
    });
    entries_.erase(oldest);
}

void CrashHistory::note(std::uint64_t digest, Time now) {
    const std::lock_guard lock(mutex_);
    ++total_;
    auto found = entries_.find(digest);
    if (found != entries_.end() && found->second.last + kWindow > now) {
        found->second.last = now;
        found->second.refused_until = now + kRefusal;
        return;
    }
    forget_old(now);
    entries_.insert_or_assign(digest, Entry{now, now});
}

std::chrono::seconds CrashHistory::refused_for(std::uint64_t digest, Time now) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(digest);
    if (found == entries_.end() || found->second.refused_until <= now) return std::chrono::seconds(0);
    return std::chrono::ceil<std::chrono::seconds>(found->second.refused_until - now);
}

std::uint64_t CrashHistory::total() const {
    const std::lock_guard lock(mutex_);
    return total_;
}

}  // namespace dl
