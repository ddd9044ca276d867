// What was found out about texts, for the texts that were seen last: a bound on their number and on how long
// each may be. Thread-safe; what it gives is immutable.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace dl {

template <class T>
class RecentTexts {
  public:
    RecentTexts(std::size_t texts_max, std::size_t text_bytes_max)
        : texts_max_(texts_max), text_bytes_max_(text_bytes_max) {}

    // Null: nothing is known of it.
    std::shared_ptr<const T> find(std::string_view text) {
        if (text.size() > text_bytes_max_) return nullptr;
        const std::lock_guard lock(mutex_);
        const auto found = by_text_.find(text);
        if (found == by_text_.end()) return nullptr;
        entries_.splice(entries_.begin(), entries_, found->second);
        return found->second->second;
    }

    // In the place of what was known of it; the text asked for longest ago goes. Longer texts are not kept.
    void keep(std::string_view text, std::shared_ptr<const T> value) {
        if (text.size() > text_bytes_max_ || texts_max_ == 0) return;
        std::list<Entry> dropped;  // dies without the lock
        const std::lock_guard lock(mutex_);
        if (const auto found = by_text_.find(text); found != by_text_.end()) {
            dropped.splice(dropped.begin(), entries_, found->second);
            by_text_.erase(found);
        } else if (entries_.size() == texts_max_) {
            by_text_.erase(entries_.back().first);
            dropped.splice(dropped.begin(), entries_, std::prev(entries_.end()));
        }
        entries_.emplace_front(std::string(text), std::move(value));
        by_text_.emplace(entries_.front().first, entries_.begin());
    }

    void clear() {
        std::list<Entry> dropped;
        const std::lock_guard lock(mutex_);
        by_text_.clear();
        dropped.swap(entries_);
    }

  private:
    using Entry = std::pair<const std::string, std::shared_ptr<const T>>;
    const std::size_t texts_max_;
    const std::size_t text_bytes_max_;
    std::mutex mutex_;
    std::list<Entry> entries_;  // the one asked for last is the first
    std::unordered_map<std::string_view, typename std::list<Entry>::iterator> by_text_;  // into `entries_`
};

}  // namespace dl
