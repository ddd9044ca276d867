// What a start finds of a partition's snapshots: the manifest, its files opened and checked, key indexes and
// delete vectors rebuilt where they are missing or damaged. When an index was rebuilt, all delete vectors are
// derived anew: they may have been written by its word.
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
    std::size_t torn_bytes = 0;  // of the manifest's last change, which does not count
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
// else holds. Removes nothing. Blocking.
Result<LoadedSnapshots> load_snapshots(FileSystem& files, DuckDatabase& database,
                                       const std::string& directory, const TableMeta& table,
                                       PartitionId partition, FileChecks checks = FileChecks::all_now);

// Removes what the manifest does not name (INV-6): it was never committed, or was replaced. Only once
// everything that the manifest counts on was found, the log included: what is missing may have been removed
// by the word of a change that is damaged, and the files of that change are then the only ones (INV-18).
Result<void> remove_uncommitted(FileSystem& files, const std::string& directory, const Manifest& manifest);

// CORRUPT_DATA: a change of the manifest that was committed is damaged, as `cause`, which something that the
// manifest before it counts on has led to, shows.
Error damaged_change(const std::string& directory, std::size_t torn_bytes, const Error& cause);

}  // namespace dl::slave
