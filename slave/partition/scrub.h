// Reads all that one partition has on the disk again and compares it with its checksums: column files, key
// indexes, delete vectors, remembered batches, log. Unlike a check it does not compare one with the other,
// decodes nothing and holds nobody up. What can be made again is: column files from the log, here; key
// indexes and vectors by the partition's upkeep, which is told of them. Blocking; memory: one read, of the
// log 1 MiB or one batch.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/error.h"

namespace dl::slave {

class PartitionCore;

struct ScrubOptions {
    // Called after so many bytes were read: waits as long as their share of the budget takes. An error ends
    // the scrub, also before anything is repaired.
    std::function<Result<void>(std::uint64_t bytes)> spend;
    // Only column files and their key indexes that nobody has compared since the partition was opened
    // (PartitionOptions::files_proven_at_open).
    bool unproven_only = false;
};

struct ScrubReport {
    std::uint64_t bytes = 0;
    std::uint64_t files = 0;            // column files read
    std::vector<std::string> findings;  // what is damaged, and what became of it
};

// The error of `spend`, or of what a repair needs.
Result<ScrubReport> scrub_partition(PartitionCore& core, const ScrubOptions& options);

}  // namespace dl::slave
