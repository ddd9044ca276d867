// The memory that unflushed rows of all partitions of a node may take (slave.tail.memory.bytes). Beyond it
// writers wait, they do not fail; the partition with the largest tail is flushed, its active log segment
// closed for that if need be. That begins at three quarters of the limit, so that steady writers seldom wait.
// A partition that was let in may go beyond the limit by one request and the index of its rows. Thread-safe.
//
// One partition may hold kShare times what is still free and no more: alone four fifths of the limit, and n
// that cannot flush (their disk is full, fails or hangs) leave 1 / (1 + 4 n) of it to the others, who go on.
// The flushes of a partition that fail are told to its own writers, and it is asked for no room meanwhile.
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
        // Whether its last flush failed.
        void set_failing(bool failing) { failing_.store(failing); }
        bool is_failing() const { return failing_.load(); }

      private:
        friend class TailBudget;
        TailBudget& owner_;
        const Callbacks callbacks_;
        std::atomic<std::uint64_t> bytes_{0};
        std::atomic<bool> waiting_{false};
        std::atomic<bool> failing_{false};
    };
    std::shared_ptr<Member> join(Callbacks callbacks);

    std::uint64_t used() const { return used_.load(); }
    // Bytes still free.
    std::uint64_t room() const;
    // Of those what this member may take; 0: its writers wait.
    std::uint64_t room_for(const Member& member) const;
    // The member's writer waits: resume or failed is called some time after this.
    void wait(Member& member);
    // Asks the largest member for room when it gets scarce.
    void look_ahead();
    // A flush has ended.
    void freed();
    // A member's flush failed, which its own writers are told by itself: others are when nobody else can make
    // room for them.
    void failed(const Error& error);

    static constexpr std::uint64_t kShare = 4;

  private:
    std::vector<std::shared_ptr<Member>> waiting();
    // Of those whose flushes do not fail.
    std::shared_ptr<Member> largest();
    std::uint64_t failing_bytes();

    const std::uint64_t bytes_max_;
    std::atomic<std::uint64_t> used_{0};
    std::mutex mutex_;
    std::vector<std::weak_ptr<Member>> members_;
};

}  // namespace dl::slave
