// One thread that cancels queries with TIMEOUT when their time is over. Thread-safe; outlives what it
// watches.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "common/async/query_cancel.h"

namespace dl {

class DeadlineWatch {
  public:
    DeadlineWatch();
    ~DeadlineWatch();
    DeadlineWatch(const DeadlineWatch&) = delete;
    DeadlineWatch& operator=(const DeadlineWatch&) = delete;

    // Watches while it lives.
    class Entry {
      public:
        Entry() = default;
        Entry(Entry&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), key_(other.key_) {}
        Entry& operator=(Entry&& other) noexcept {
            std::swap(owner_, other.owner_);
            std::swap(key_, other.key_);
            return *this;
        }
        ~Entry();

      private:
        friend class DeadlineWatch;
        using Key = std::pair<std::chrono::steady_clock::time_point, std::uint64_t>;
        Entry(DeadlineWatch* owner, Key key) : owner_(owner), key_(key) {}
        DeadlineWatch* owner_ = nullptr;
        Key key_;
    };
    [[nodiscard]] Entry watch(std::chrono::steady_clock::time_point deadline,
                              std::shared_ptr<QueryCancel> cancel);

  private:
    void run();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<Entry::Key, std::shared_ptr<QueryCancel>> entries_;
    std::uint64_t next_id_ = 0;
    std::chrono::steady_clock::time_point looks_at_{};  // when the thread looks by itself
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace dl
