// Records of a partition by offset, for stream_read: from the log while it holds them, below that from the
// compacted files. Never beyond the visible end. Blocking; thread-safe.
#pragma once

#include "slave/partition/partition_core.h"

namespace dl::slave {

// As Partition::read().
Result<std::vector<ReadSlice>> read_records(const PartitionCore& core, Offset from, std::uint64_t max_rows,
                                            std::uint64_t max_bytes);
// Offset of the oldest stored record; the end when there is none.
Offset first_stored_offset(const PartitionCore& core);

}  // namespace dl::slave
