// The results of queries that are being read by clients. Each keeps what the SQL engine made for it, so their
// number is bounded: when one is added to as many as may be, the one that has waited for its client, and then
// for a slot, for the longest time is ended. Thread-safe; outlives its entries.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

namespace dl::master {

class OpenResults {
  public:
    // Results that may be open for each query that may run (master.query.concurrent.max).
    static constexpr std::size_t kPerSlot = 16;

    explicit OpenResults(std::size_t most) : most_(most) {}
    OpenResults(const OpenResults&) = delete;
    OpenResults& operator=(const OpenResults&) = delete;

    class Entry {
      public:
        Entry() = default;
        Entry(OpenResults& results, std::uint64_t id) : results_(&results), id_(id) {}
        Entry(Entry&& other) noexcept;
        Entry& operator=(Entry&& other) noexcept;
        ~Entry();
        // Whether it waits, from now on.
        void waits(bool waits);

      private:
        OpenResults* results_ = nullptr;
        std::uint64_t id_ = 0;
    };
    // `end` is called at most once, on the thread of another add(), while it waits or just
    // not any more; it must not call into this object.
    Entry add(std::function<void()> end);

    std::size_t most() const { return most_; }
    std::size_t open() const;

  private:
    struct Result {
        std::function<void()> end;
        std::chrono::steady_clock::time_point waits_since = std::chrono::steady_clock::time_point::max();
    };
    const std::size_t most_;
    mutable std::mutex mutex_;
    std::uint64_t next_ = 1;
    std::map<std::uint64_t, Result> open_;
};

}  // namespace dl::master
