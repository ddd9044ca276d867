// Column files whose bytes are no longer those that were written: finding them, and writing them anew from
// the log as long as it holds all of their records. Blocking; memory: the records of one file.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "slave/parquet/parquet_check.h"
#include "slave/partition/partition_core.h"

namespace dl::slave {

using DamagedFiles = std::map<std::string, Error>;  // by stem, with what is wrong

// Reads all column files of the state. `wanted` is asked between them; its error ends the search.
Result<DamagedFiles> find_damaged_files(const PartitionCore& core, const PartitionState& state,
                                        const std::function<Result<void>()>& wanted);

// What readers have found damaged of the state (SnapshotFile::prove) and the log can replace. Reads nothing.
DamagedFiles replaceable_damage(const PartitionCore& core, const PartitionState& state);

// Puts a new file in the place of each that a flush wrote and whose records the log still has; the damaged
// one is removed with its last reader. What is left cannot be made again here: the error names the file, what
// is wrong and the way out, and nothing was removed. Under the core's files_mutex.
Result<void> rewrite_damaged_files(PartitionCore& core, const DamagedFiles& damaged);

// nullopt when every value of a flushed file is that of the log, which must hold all of its records; else
// what differs first. Errors are of reading either.
Result<std::optional<std::string>> compare_with_log(const PartitionCore& core, const SnapshotFile& file,
                                                    const std::function<Result<void>()>& wanted);

}  // namespace dl::slave
