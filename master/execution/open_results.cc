#include "master/execution/open_results.h"

#include <algorithm>
#include <utility>

namespace dl::master {

OpenResults::Entry::Entry(Entry&& other) noexcept
    : results_(std::exchange(other.results_, nullptr)), id_(other.id_) {}

OpenResults::Entry& OpenResults::Entry::operator=(Entry&& other) noexcept {
    std::swap(results_, other.results_);
    std::swap(id_, other.id_);
    return *this;
}

OpenResults::Entry::~Entry() {
    if (results_ == nullptr) return;
    const std::lock_guard lock(results_->mutex_);
    results_->open_.erase(id_);
}

void OpenResults::Entry::waits(bool waits) {
    if (results_ == nullptr) return;
    const auto since =
        waits ? std::chrono::steady_clock::now() : std::chrono::steady_clock::time_point::max();
    const std::lock_guard lock(results_->mutex_);
    const auto found = results_->open_.find(id_);
    if (found != results_->open_.end()) found->second.waits_since = since;
}

OpenResults::Entry OpenResults::add(std::function<void()> end) {
    std::function<void()> ended;
    std::uint64_t id = 0;
    {
        const std::lock_guard lock(mutex_);
        if (open_.size() >= most_) {
            const auto longest = std::min_element(
                open_.begin(), open_.end(),
                [](const auto& a, const auto& b) { return a.second.waits_since < b.second.waits_since; });
            if (longest != open_.end() &&
                longest->second.waits_since != std::chrono::steady_clock::time_point::max()) {
                ended = std::move(longest->second.end);
                open_.erase(longest);
            }
        }
        id = next_++;
        open_[id].end = std::move(end);
    }
    if (ended) ended();
    return Entry(*this, id);
}

std::size_t OpenResults::open() const {
    const std::lock_guard lock(mutex_);
    return open_.size();
}

}  // namespace dl::master
