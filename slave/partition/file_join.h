// Makes the file that several flushed ones were joined into the partition's. Blocking; writers are held up
// for as long as a flush's commit holds them.
#pragma once

#include "slave/compaction/compaction_job.h"
#include "slave/partition/partition_core.h"

namespace dl::slave {

// The one file of `joined` in the place of its inputs, which go with their last reader. Flushed and compacted
// ends and the log stay as they are. After an error nothing was changed and what was written is removed, as
// far as no manifest may name it. Under the core's files_mutex.
Result<void> commit_joined(PartitionCore& core, const CompactionOutput& joined);

}  // namespace dl::slave
