#include "slave/query/sealed_cache.h"

#include <algorithm>
#include <utility>

namespace dl::slave {

Result<SealedCache::Memory> SealedCache::get(Key of, std::shared_ptr<const void> owner,
                                             const std::function<Result<Memory>()>& make) {
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = entries_.find(of); found != entries_.end()) {
            found->second.used = Clock::now();
            return found->second.memory;
        }
    }
    DL_TRY_ASSIGN(auto made, make());
    std::vector<Entry> dropped;  // let go of without the lock
    const std::lock_guard lock(mutex_);
    if (made->size() > bytes_max_) return made;
    const auto [at, is_new] =
        entries_.try_emplace(std::move(of), Entry{std::move(owner), made, Clock::now()});
    if (!is_new) return at->second.memory;  // another query was faster
    bytes_ += made->size();
    while (bytes_ > bytes_max_) {
        const auto oldest =
            std::min_element(entries_.begin(), entries_.end(),
                             [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
        bytes_ -= oldest->second.memory->size();
        dropped.push_back(std::move(oldest->second));
        entries_.erase(oldest);
    }
    return made;
}

void SealedCache::expire(Clock::time_point now) {
    std::vector<Entry> dropped;
    const std::lock_guard lock(mutex_);
    for (auto at = entries_.begin(); at != entries_.end();) {
        if (at->second.used + kKept > now) {
            ++at;
            continue;
        }
        bytes_ -= at->second.memory->size();
        dropped.push_back(std::move(at->second));
        at = entries_.erase(at);
    }
}

std::uint64_t SealedCache::bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
}

}  // namespace dl::slave
