// The column files of before recent compactions, kept for a while: as_of can go back beyond a compaction for
// as long, so that a reader who goes on at the cut of a minute ago is not refused because of one. Holding a
// state keeps its files on the disk. Thread-safe.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <mutex>

#include "common/base/ids.h"

namespace dl::slave {

struct PartitionState;

class EarlierStates {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::size_t kStatesMax = 8;

    // Beyond kStatesMax the oldest goes.
    void add(std::shared_ptr<const PartitionState> state, Clock::time_point until);
    // The newest one that can answer `cut`; nullptr: none.
    std::shared_ptr<const PartitionState> at(Offset cut) const;
    // The oldest cut of all; `otherwise` without states.
    Offset oldest(Offset otherwise) const;
    // Lets go of those whose time is over. When that of the next one is; time_point::max(): there is none.
    Clock::time_point expire(Clock::time_point now);
    // The space of their files is wanted.
    void clear();

  private:
    struct Held {
        std::shared_ptr<const PartitionState> state;
        Clock::time_point until;
    };
    mutable std::mutex mutex_;
    std::deque<Held> held_;  // oldest first
};

}  // namespace dl::slave
