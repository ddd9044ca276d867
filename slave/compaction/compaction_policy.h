// When a partition is compacted without being asked. Pure.
//
// Two reasons: what was flushed since the last compaction has grown to a share of what is compacted (so a
// record is rewritten about log(table) times, however large the table gets), or enough rows can be dropped,
// which queries would have to step over. A row can be dropped only when a newer record of its key is flushed
// too: records in the tail kill rows without letting them go, so dead rows alone are no reason. Of the
// compacted rows at most as many can go as there are flushed records to replace them.
//
// Small files are joined before that: flushed files in a row become one that has all of their records, so
// that their number stays small while a partition grows slowly. Files are told apart in tiers of size, each
// `join_files` times the one below; as many of one tier make one of a higher tier. There are fewer than
// join_files of a tier, and a record is rewritten once a tier as a rule: log(kJoinedFileBytesMax / size of a
// flush) to the base join_files, 3 times for flushes of 300 KiB; at most join_files times a tier where
// flushes of very different sizes take turns.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "common/base/ids.h"

namespace dl::slave {

struct CompactionPolicy {
    bool automatic = true;
    std::uint32_t dead_percent = 30;          // of all rows in the range
    std::uint32_t growth_percent = 100;       // flushed bytes of compacted bytes
    std::uint64_t bytes_min = 256u << 20;     // of Parquet; with less, growth is no reason
    std::uint32_t files_min = 4;              // flushed ones, for growth
    std::uint64_t dead_bytes_min = 4u << 20;  // of Parquet; with less, dead rows are no reason
    std::chrono::milliseconds idle{0};        // without a write; 0: never because of idleness
    std::uint32_t join_files = 0;             // of one tier; below 2: files are never joined
};

// Every flush leaves a log file that stays until its records are compacted, however short the history: with
// so many of them growth is a reason although a partition has less than bytes_min.
inline constexpr std::size_t kLogFilesForGrowth = 64;
// Plain bytes. A joined file has at most so many, so that it can be made again from the log in memory; files
// of the share that join_files of them would reach it with are left as they are.
inline constexpr std::uint64_t kJoinedFileBytesMax = 256u << 20;
inline constexpr std::uint64_t kSmallestTierBytes = 64u << 10;

struct PolicyFile {
    bool compacted = false;
    std::uint64_t rows = 0;
    std::uint64_t dead = 0;
    std::uint64_t bytes = 0;        // of Parquet
    std::uint64_t plain_bytes = 0;  // of the records in memory, about
    bool behind_gap = false;        // records between the file before and this one were lost
};

enum class CompactionReason : std::uint8_t { none, growth, dead_rows };
const char* to_text(CompactionReason reason);

// `files` are all of the partition; `tail_rows` are the records that are not flushed, `log_files` those of
// the log that hold records which are not compacted.
CompactionReason decide_compaction(std::span<const PolicyFile> files, std::uint64_t tail_rows,
                                   const CompactionPolicy& policy, std::size_t log_files = 0);

// Files [begin, end) of the list, all of them flushed and without a gap between them, to become one; nullopt:
// none.
struct JoinRange {
    std::size_t begin = 0;
    std::size_t end = 0;
    friend bool operator==(const JoinRange&, const JoinRange&) = default;
};
std::optional<JoinRange> decide_join(std::span<const PolicyFile> files, const CompactionPolicy& policy);

// The same for a partition nobody writes to, whose tail would be flushed first: all dead rows can go then.
bool worth_when_idle(std::span<const PolicyFile> files, std::uint64_t tail_rows,
                     const CompactionPolicy& policy);

}  // namespace dl::slave
