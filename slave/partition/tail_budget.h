// The memory that unflushed rows of all partitions of a node may take (slave.tail.memory.bytes). Beyond it
// writers wait, they do not fail; the partition with the largest tail is flushed, its active log segment
// closed for that if need be. That begins at three quarters of the limit, so that steady writers seldom wait.
// A partition that was let in may go beyond the limit by one request and the index of its rows. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "common/base/error.h"

namespace dl::slave {

class TailBudget {
  public:
    // 0: no limit.
    explicit TailBudget(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

    // One partition's share. Callbacks run on any thread and return at once; they hold their partition
    // weakly, because one may be running when the member goes.
    struct Callbacks {
        std::function<void()> make_room;           // flush, closing the active segment
        std::function<void()> resume;              // there is room again
        std::function<void(const Error&)> failed;  // there will be none: flushing fails
    };
    class Member {
      public:
        Member(TailBudget& owner, Callbacks callbacks) : owner_(owner), callbacks_(std::move(callbacks)) {}
        ~Member() { set(0); }
        void set(std::uint64_t bytes);
        std::uint64_t bytes() const { return bytes_.load(); }

      private:
        friend class TailBudget;
        TailBudget& owner_;
        const Callbacks callbacks_;
        std::atomic<std::uint64_t> bytes_{0};
        std::atomic<bool> waiting_{false};
    };
    std::shared_ptr<Member> join(Callbacks callbacks);

    std::uint64_t used() const { return used_.load(); }
    // Bytes still free; 0: writers wait.
    std::uint64_t room() const;
    // The member's writer waits: resume or failed is called some time after this.
    void wait(Member& member);
    // Asks the largest member for room when it gets scarce.
    void look_ahead();
    // A flush has ended.
    void freed();
    void failed(const Error& error);

  private:
    std::vector<std::shared_ptr<Member>> waiting();
    std::shared_ptr<Member> largest();

    const std::uint64_t bytes_max_;
    std::atomic<std::uint64_t> used_{0};
    std::mutex mutex_;
    std::vector<std::weak_ptr<Member>> members_;
};

}  // namespace dl::slave
