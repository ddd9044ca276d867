// What a start finds of a partition's snapshots: the manifest, its files opened and checked, key indexes and
// delete vectors rebuilt where they are missing or damaged; everything else in the directory removed.
#pragma once

#include <memory>

#include "slave/snapshot/derived_files.h"
#include "slave/snapshot/file_set.h"
#include "slave/snapshot/manifest.h"

namespace dl::slave {

struct LoadedSnapshots {
    Manifest manifest;
    std::shared_ptr<const FileSet> files;
    std::size_t rebuilt = 0;  // key indexes and delete vectors
};

// `directory` is the partition's. Errors name the damaged file: a manifest or a Parquet file, which nothing
// else holds. Blocking.
Result<LoadedSnapshots> load_snapshots(FileSystem& files, DuckDatabase& database,
                                       const std::string& directory, const TableMeta& table,
                                       PartitionId partition);

}  // namespace dl::slave
