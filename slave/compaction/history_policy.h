// How far back the log of a partition reaches: every record of the history by its offset, whatever the column
// files no longer have. Pure: no io, no clock.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "common/meta/table_meta.h"
#include "slave/log/partition_log.h"

namespace dl::slave {

struct HistoryLimits {
    std::int64_t age_us_max = 0;   // since a record was appended
    std::uint64_t bytes_max = 0;   // of log files; 0: no limit
    std::uint32_t closed_min = 1;  // closed log files that stay besides the active one, whatever the limits
};

// Those of one partition of a table.
HistoryLimits history_limits(const TableMeta& table, std::uint32_t retained_closed_logs);

// The first offset of the oldest log file that stays. A file goes whole, when its newest record is too old or
// when it and the newer ones have too many bytes, and never before an older one.
// Those that end at or below `aged_end` are too old whatever their times say (history_clock.h).
Offset history_start(std::span<const SegmentInfo> segments, const HistoryLimits& limits, std::int64_t now_us,
                     Offset aged_end = 0);

// What becomes one packed file next: a large closed log file alone, or as many small neighbours as
// decide_join() says, of one tier of size, when they were written within an eighth of the history's time, so
// that a file does not outlive most of its records. Only files below `below` (what recovery replays stays as
// it is), not the newest closed ones. nullopt: nothing is.
inline constexpr std::uint64_t kPackedAloneBytesMin = 8u << 20;  // plain
inline constexpr std::uint32_t kPackedNeighbours = 8;
struct PackRange {
    Offset first = 0;
    Offset end = 0;
    std::uint64_t plain_bytes = 0;
    friend bool operator==(const PackRange&, const PackRange&) = default;
};
std::optional<PackRange> decide_pack(std::span<const SegmentInfo> segments, const HistoryLimits& limits,
                                     Offset below);

}  // namespace dl::slave
