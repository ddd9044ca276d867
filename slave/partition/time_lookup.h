// From which offset on records were appended at or after a time. Blocking; thread-safe.
#pragma once

#include "slave/partition/partition_core.h"

namespace dl::slave {

// As Partition::offset_for_time(). The log is searched by its indexes; below it the compacted files are,
// whose rows are taken to ascend in time as they do in offset.
Result<Offset> find_offset_for_time(const PartitionCore& core, std::int64_t time_us);

}  // namespace dl::slave
