// Records of a partition by offset, for stream_read: from the log while it holds them, below that from the
// compacted files. Never beyond the visible end. Blocking; thread-safe.
#pragma once

#include "common/duck/parquet_file.h"
#include "slave/partition/partition_core.h"

namespace dl::slave {

// As Partition::read().
Result<std::vector<ReadSlice>> read_records(const PartitionCore& core, Offset from, std::uint64_t max_rows,
                                            std::uint64_t max_bytes);
// The next rows of one file, from the one that is at or behind `from`; none behind the last one.
Result<ParquetRows> read_file_rows(const PartitionCore& core, const SnapshotFile& file, Offset from,
                                   std::uint32_t rows_max);
// Offset of the oldest stored record; the end when there is none.
Offset first_stored_offset(const PartitionCore& core);

}  // namespace dl::slave
