#include "slave/query/query_views.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/check.h"

namespace dl::slave {

Result<std::uint64_t> QueryViews::add(QueryView view, std::chrono::milliseconds lease) {
    lease = std::clamp(lease, std::chrono::milliseconds(1), kLeaseMax);
    auto shared = std::make_shared<const QueryView>(std::move(view));
    std::vector<Entry> expired;
    const std::lock_guard lock(mutex_);
    if (entries_.size() >= views_max_) expired = take_expired();
    if (entries_.size() >= views_max_) {
        return make_error(ErrorCode::overloaded, std::to_string(entries_.size()) +
                                                     " cuts are pinned for queries already; try again later");
    }
    DL_CHECK(entries_.size() < views_max_, "INV-13 pinned cuts are bounded");
    for (;;) {
        const std::uint64_t id = ((std::uint64_t{random_()} << 32) | random_()) >> 11;
        if (id != 0 && entries_.try_emplace(id, Entry{shared, lease, now_() + lease}).second) return id;
    }
}

Result<std::shared_ptr<const QueryView>> QueryViews::use(std::uint64_t id) {
    Entry expired;
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    const auto now = now_();
    if (found != entries_.end() && found->second.ends > now) {
        DL_CHECK(found->second.view != nullptr, "INV-7 a pinned cut holds its views");
        found->second.ends = now + found->second.lease;
        return found->second.view;
    }
    if (found != entries_.end()) {
        expired = std::move(found->second);
        entries_.erase(found);
    }
    return make_error(ErrorCode::unavailable,
                      "the slave no longer holds the state that the query reads: it was started anew, or the "
                      "query paused for too long; run the query again");
}

void QueryViews::remove(std::uint64_t id) {
    Entry dropped;  // files may be closed and deleted with it, outside the lock
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    dropped = std::move(found->second);
    entries_.erase(found);
}

std::size_t QueryViews::expire() {
    std::vector<Entry> expired;
    const std::lock_guard lock(mutex_);
    expired = take_expired();
    return expired.size();
}

std::size_t QueryViews::size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
}

std::vector<QueryViews::Entry> QueryViews::take_expired() {
    std::vector<Entry> expired;
    const auto now = now_();
    for (auto at = entries_.begin(); at != entries_.end();) {
        if (at->second.ends > now) {
            ++at;
            continue;
        }
        expired.push_back(std::move(at->second));
        at = entries_.erase(at);
    }
    return expired;
}

}  // namespace dl::slave
