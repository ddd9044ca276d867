// The time by which records of a history grow old, made from two clocks: the wall clock, which may be set to
// another time, and a steady one, which only knows how much time went by. A record goes no earlier than the
// limit's time after it was appended, as far as this process has seen it go by, and not much later either:
// - a wall clock set forward does not make records old at once: the jump counts once the limit's time has
//   gone by since, when all records from before it are old enough anyhow;
// - one set back does not keep for ever what carries times that are to come: such a log file is old enough
//   once the limit's time has gone by since it was closed, or first looked at in this process.
// Not durable: over a restart the wall clock is believed. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include "slave/log/partition_log.h"

namespace dl::slave {

class HistoryClock {
  public:
    // Less is how clocks are kept right, and is followed at once.
    static constexpr std::int64_t kJumpUsMin = 60'000'000;

    struct Now {
        std::int64_t us = 0;  // as of the append times
        Offset aged_end = 0;  // log files that end at or below it are too old whatever their times say
    };
    // `age_us_max`: of the history now; `segments`: those of the log, ascending.
    Now look(std::int64_t wall_us, std::int64_t steady_us, std::int64_t age_us_max,
             std::span<const SegmentInfo> segments);

  private:
    struct Jump {
        std::int64_t at_steady_us;
        std::int64_t by_us;  // forward
    };
    struct Ahead {
        Offset end;
        std::int64_t since_steady_us;
    };
    void follow(std::int64_t wall_us, std::int64_t steady_us);

    std::mutex mutex_;
    bool started_ = false;
    std::int64_t ahead_us_ = 0;      // the wall clock, of the steady one, at the last look
    std::vector<Jump> jumps_;        // which do not count yet, from the oldest to the newest
    std::map<Offset, Ahead> ahead_;  // closed log files with times to come, by their first offset
};

}  // namespace dl::slave
