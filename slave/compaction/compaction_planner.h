// What compress_table works on. Pure: no io, no clock.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "slave/compaction/compaction_policy.h"
#include "slave/log/partition_log.h"

namespace dl::slave {

// Where the log begins once everything below is compacted: at the oldest of the newest
// `retained_closed_logs` + 1 log files.
Offset log_start_after_compaction(std::span<const SegmentInfo> segments, std::uint32_t retained_closed_logs);

// False: all files are compacted already and hold few dead rows. Of dead rows in compacted files the key
// indexes then say whether any can go.
bool needs_compaction(std::span<const PolicyFile> files, std::uint32_t dead_percent);

// Inputs [begin, end) become one output file.
struct OutputGroup {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::uint64_t rows = 0;     // 0: nothing is left of them, no file
    bool carried_over = false;  // one compacted file of which every row stays: it stays as it is
};
struct InputSize {
    std::uint64_t rows = 0;
    std::uint64_t kept = 0;
    std::uint64_t parquet_bytes = 0;
    bool compacted = false;
};
inline constexpr std::uint64_t kOutputRowsTarget = 8'000'000;
inline constexpr std::uint64_t kOutputBytesTarget = 512u << 20;
// Groups neighbours until rows or (estimated) bytes reach the targets.
std::vector<OutputGroup> group_outputs(std::span<const InputSize> inputs,
                                       std::uint64_t rows_target = kOutputRowsTarget,
                                       std::uint64_t bytes_target = kOutputBytesTarget);

}  // namespace dl::slave
