// Which partitions of one data directory want a tick, so that a second in which nothing happens costs as much
// with ten partitions as with many thousands. A partition gets one
// - after it was woken: something of it has changed;
// - when the time has come that its last tick named;
// - and once in kRoundTicks calls, a part of all with each call: what nobody wakes it for, like records of
// its
//   history that grow too old, and a wake-up that somebody forgot, wait a minute and no longer.
// Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "common/base/ids.h"

namespace dl::slave {

class Partition;

class UpkeepList : public std::enable_shared_from_this<UpkeepList> {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr Clock::time_point kAtRest = Clock::time_point::max();
    static constexpr std::size_t kRoundTicks = 60;

    // One partition's place. May outlive its partition.
    class Member : public std::enable_shared_from_this<Member> {
      public:
        Member(std::shared_ptr<UpkeepList> list, TableId table, PartitionId id,
               std::weak_ptr<Partition> partition);
        ~Member();
        Member(const Member&) = delete;
        Member& operator=(const Member&) = delete;

        // Behind a change of the partition: its next tick sees it. One atomic operation, save for the first
        // call between two ticks; from any thread, whatever of the partition it holds.
        void wake();
        // It takes no writes any more.
        void fail();

      private:
        friend class UpkeepList;
        const std::shared_ptr<UpkeepList> list_;
        const TableId table_;
        const PartitionId id_;
        const std::weak_ptr<Partition> partition_;
        std::atomic<bool> awake_{false}, failed_{false};
        // Under the list's mutex.
        std::list<Member*>::iterator place_;
        Clock::time_point due_ = kAtRest;
        std::uint64_t taken_ = 0;  // by this call of tick()
    };
    // It is awake.
    std::shared_ptr<Member> join(TableId table, PartitionId id, std::weak_ptr<Partition> partition);

    // Partition::tick() of those whose turn it is, on this thread; returns of how many. One call at a time,
    // every second or so.
    std::size_t tick(Clock::time_point now);

    struct Failed {
        TableId table;
        PartitionId id;
        std::shared_ptr<Partition> partition;
    };
    // Those that live and take no writes any more.
    std::vector<Failed> failed();

  private:
    std::vector<std::shared_ptr<Member>> take(Clock::time_point now);
    void schedule(Member& member, Clock::time_point due);

    std::mutex mutex_;
    std::list<Member*> all_;  // who has waited longest for its turn of the round first
    std::size_t turns_ = 0;   // of the round, in parts of kRoundTicks of one
    std::vector<std::weak_ptr<Member>> awake_;
    std::set<std::pair<Clock::time_point, Member*>> due_;
    std::vector<std::weak_ptr<Member>> failed_;
    std::uint64_t calls_ = 0;
};

}  // namespace dl::slave
