// `check table` of one partition: reads every record of files and log of one cut and compares what is stored
// with itself: checksums, dense offsets, log with flushed files, key indexes and delete vectors with the
// records, what queries see with the newest record of each key. Online: it holds a view, takes the commit
// mutex only to pin it, and never stops writers.
//
// Memory: RecordCensus (at most about 192 MiB), two bits a row of the files, 8 MiB of log. What has more keys
// than fit is read in several passes. Blocking; one thread.
#pragma once

#include "slave/partition/partition_core.h"

namespace dl::slave {

inline constexpr std::size_t kCheckProblemsMax = 100;  // listed; more are counted

// As Partition::check(). With `repair`, problems that were put right come first and begin with "repaired: ";
// what follows them is what a second check finds. `keys_at_once`: for tests.
Result<CheckReport> check_partition(PartitionCore& core, const CheckOptions& options,
                                    std::uint64_t keys_at_once = 0);

}  // namespace dl::slave
