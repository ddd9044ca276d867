// When a partition is compacted without being asked. Pure.
//
// Two reasons: what was flushed since the last compaction has grown to a share of what is compacted (so a
// record is rewritten about log(table) times, however large the table gets), or enough rows can be dropped,
// which queries would have to step over. A row can be dropped only when a newer record of its key is flushed
// too: records in the tail kill rows without letting them go, so dead rows alone are no reason. Of the
// compacted rows at most as many can go as there are flushed records to replace them.
#pragma once

#include <chrono>
#include <cstdint>
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
};

struct PolicyFile {
    bool compacted = false;
    std::uint64_t rows = 0;
    std::uint64_t dead = 0;
    std::uint64_t bytes = 0;
};

enum class CompactionReason : std::uint8_t { none, growth, dead_rows };
const char* to_text(CompactionReason reason);

// `files` are all of the partition; `tail_rows` are the records that are not flushed.
CompactionReason decide_compaction(std::span<const PolicyFile> files, std::uint64_t tail_rows,
                                   const CompactionPolicy& policy);

// The same for a partition nobody writes to, whose tail would be flushed first: all dead rows can go then.
bool worth_when_idle(std::span<const PolicyFile> files, std::uint64_t tail_rows,
                     const CompactionPolicy& policy);

}  // namespace dl::slave
