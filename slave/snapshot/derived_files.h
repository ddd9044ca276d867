// Key indexes and delete vectors are derived: from the Parquet files, and for vectors from the key indexes of
// all files. What is missing or damaged is made again here, never taken for empty. Blocking.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "slave/snapshot/delete_vector.h"
#include "slave/snapshot/parquet_keys.h"
#include "slave/snapshot/snapshot_file.h"

namespace dl::slave {

// Where a file's rows are read from, and where what is derived goes.
struct DerivedFrom {
    FileSystem* files = nullptr;
    DuckDatabase* database = nullptr;
    std::string snapshots_directory;
    const TableMeta* table = nullptr;
};

// Reads the file's Parquet in pieces and puts a new key index in place of the old one: written beside it,
// synced, renamed, the directory synced. Memory: 20 bytes a key, and 24 bytes for kRebuildRows keys at a
// time.
inline constexpr std::uint64_t kRebuildRows = 4'000'000;
Result<std::shared_ptr<const KeyIndex>> rebuild_key_index(const DerivedFrom& from, const ManifestFile& info,
                                                          std::uint64_t rows_at_a_time = kRebuildRows);

// The rows of each file that are dead by the records in files alone, by the key indexes of all of them,
// oldest first. The marks of later records come from replaying the log. CORRUPT_DATA for a damaged index.
Result<std::vector<std::shared_ptr<const DeleteVector>>> derive_vectors(
    std::span<const std::shared_ptr<const SnapshotFile>> files);

// Puts a vector in place of the file's persisted one, as safely.
Result<void> replace_vector(const DerivedFrom& from, const ManifestFile& info, const DeleteVector& vector);

}  // namespace dl::slave
