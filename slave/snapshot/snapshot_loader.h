// What a start finds of a partition's snapshots: the manifest, its files opened and checked, key indexes and
// delete vectors rebuilt where they are missing or damaged; everything else in the directory removed. When an
// index was rebuilt, all delete vectors are derived anew: they may have been written by its word.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "slave/snapshot/derived_files.h"
#include "slave/snapshot/file_set.h"
#include "slave/snapshot/manifest.h"

namespace dl::slave {

struct LoadedSnapshots {
    Manifest manifest;
    std::shared_ptr<const FileSet> files;
    std::size_t rebuilt = 0;  // key indexes and delete vectors
    // Column files (by stem) that are damaged and that the log may still have all records of: nothing is to
    // be read from them before they are written anew. With what is wrong with each.
    std::map<std::string, Error> damaged;
};

// How much of the files a load reads.
enum class FileChecks : std::uint8_t {
    all_now,  // everything is compared with its checksums
    later,    // their sizes, the headers of key indexes, and delete vectors; the rest when it is used
};

// `directory` is the partition's. Errors name the damaged file: a manifest, or a Parquet file that nothing
// else holds. Blocking.
Result<LoadedSnapshots> load_snapshots(FileSystem& files, DuckDatabase& database,
                                       const std::string& directory, const TableMeta& table,
                                       PartitionId partition, FileChecks checks = FileChecks::all_now);

}  // namespace dl::slave
