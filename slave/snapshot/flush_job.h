// Writes the snapshot file of one closed tail segment: Parquet and key index, both synced, not yet named by
// any manifest. Blocking: background pool.
#pragma once

#include <memory>
#include <string>

#include "common/meta/table_meta.h"
#include "slave/index/tail_segment.h"
#include "slave/snapshot/delete_vector.h"
#include "slave/snapshot/snapshot_file.h"

namespace dl::slave {

struct FlushInput {
    FileSystem* files = nullptr;
    std::string snapshots_directory;
    std::shared_ptr<const TableMeta> table;
    std::shared_ptr<const TailSegment> segment;  // closed
    std::uint64_t edition = 0;
    LeaderEpoch epoch{1};
};

Result<std::shared_ptr<SnapshotFile>> run_flush_job(const FlushInput& input);
// After an error: what it has written so far, which nothing names.
void remove_unfinished_flush(const FlushInput& input);

// Rows of the segment that are dead for a view with this cut: deletes, and those that a record below the cut
// replaced.
std::shared_ptr<const DeleteVector> segment_delete_vector(const TailSegment& segment, Offset cut);

}  // namespace dl::slave
