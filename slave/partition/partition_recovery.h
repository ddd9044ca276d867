// Brings a partition back from its directory: manifest, snapshot files with their vectors, then the log from
// the last flush on, put into tail and index as if new. Blocking; before the partition is shared.
#pragma once

#include "slave/partition/partition_core.h"

namespace dl::slave {

// Gives the core its log, publisher, progress and published state, and the writer its tail and batch ids.
// Errors name the damaged file; nothing is changed then but that garbage may have been removed.
Result<void> recover_partition(PartitionCore& core);

// Writes down where the log begins and ends, so that a later start knows what it has to find. Best effort:
// what was written before stays true.
void seal_log(const PartitionCore& core, PartitionLog& log, PartitionLog::Seal kind);

// The directories and the first manifest of an empty partition.
Result<void> create_partition(FileSystem& files, const std::string& directory, TableId table, PartitionId id);

}  // namespace dl::slave
