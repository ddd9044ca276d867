// One snapshot file of a partition: Parquet, key index and delete vector on disk, the index mapped. Handles
// are shared by the current file set and by pinned views; a file that a compaction replaced is removed from
// disk when the last handle goes (INV-7). Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/io/file_system.h"
#include "slave/index/key_index_file.h"
#include "slave/parquet/parquet_check.h"
#include "slave/parquet/parquet_row_reader.h"
#include "slave/snapshot/manifest.h"

namespace dl::slave {

class SnapshotFile {
  public:
    // `proven`: the column file was compared with its checksum in this process, or was written by it.
    SnapshotFile(FileSystem& files, std::string directory, ManifestFile info,
                 std::shared_ptr<const KeyIndex> index, bool proven = true)
        : files_(files), directory_(std::move(directory)), info_(std::move(info)), proven_(proven) {
        replace_index(std::move(index));
    }
    ~SnapshotFile();
    SnapshotFile(const SnapshotFile&) = delete;
    SnapshotFile& operator=(const SnapshotFile&) = delete;

    // vector_version is that of when the handle was made; the manifest knows the current one.
    const ManifestFile& info() const { return info_; }
    // Valid as long as the handle, also when it is replaced.
    const KeyIndex& index() const { return *index_.load(std::memory_order_acquire); }
    // A repaired one with the same identity takes over.
    void replace_index(std::shared_ptr<const KeyIndex> index) const {
        DL_CHECK(index != nullptr, "a snapshot file has its key index");
        const std::lock_guard lock(mutex_);
        index_.store(index.get(), std::memory_order_release);
        indexes_.push_back(std::move(index));
    }
    std::string parquet_path() const { return directory_ + "/" + info_.parquet_name(); }
    std::string index_path() const { return directory_ + "/" + info_.index_name(); }
    // Before rows of the column file are used: that it is what was written. The first call reads all of it,
    // unless that was done before; others wait for it. CORRUPT_DATA names the damage, also in later calls;
    // after another error the next call tries again. Blocking.
    Result<void> prove() const;
    bool is_proven() const { return proven_.load(std::memory_order_acquire); }
    // It was read without prove(), and that is what was found.
    void note_proof(const Result<void>& found) const;
    // What prove() has found wrong. nullopt: nothing so far.
    std::optional<Error> damage() const;
    // For single rows; opened with the first call, which proves the file, and kept, of all files of the
    // process of the newest kRowReadersMax: each is a mapping.
    static constexpr std::size_t kRowReadersMax = 4096;
    Result<std::shared_ptr<const ParquetRowReader>> row_reader() const;
    // Of the largest row group, stored and plain; for file_database_for(). Read from the footer once; of a
    // file whose footer only DuckDB can read it is that of the whole file.
    Result<std::uint64_t> widest_group_bytes() const;
    std::string vector_path(std::uint64_t version) const {
        return directory_ + "/" + info_.vector_name(version);
    }
    // The manifest no longer names it: the files go when the last handle goes.
    void make_obsolete(std::uint64_t vector_version) const {
        last_vector_version_.store(vector_version);
        DL_CHECK(!obsolete_.exchange(true), "INV-6 a file is replaced once");
    }

  private:
    friend class OpenRowReaders;
    FileSystem& files_;
    std::string directory_;
    ManifestFile info_;
    mutable std::mutex mutex_;  // of indexes_
    mutable std::vector<std::shared_ptr<const KeyIndex>> indexes_;
    mutable std::atomic<const KeyIndex*> index_{nullptr};
    mutable std::mutex row_reader_mutex_;
    mutable std::shared_ptr<const ParquetRowReader> row_reader_;
    mutable std::atomic<std::uint64_t> widest_group_bytes_{0};  // 0: not read yet
    mutable std::mutex proof_mutex_;                            // held while the file is read
    mutable std::mutex damage_mutex_;
    mutable std::optional<Error> damage_;
    mutable std::atomic<bool> proven_;
    mutable std::atomic<bool> obsolete_{false};
    mutable std::atomic<std::uint64_t> last_vector_version_{0};
};

// Size and CRC-32C of a Parquet file as it lies on disk, into `info`. CORRUPT_DATA when a page is not what
// its writer made.
Result<void> measure_parquet(FileSystem& files, const std::string& path, ManifestFile* info);
// Reads all of a column file and compares it with size and checksum in the manifest. CORRUPT_DATA names file,
// and where they can be told column, row group and byte offset. Blocking; memory: one read. `spend`, if any,
// is called after every read with its bytes; its error ends the check.
Result<void> check_parquet_file(FileSystem& files, const std::string& path, const ManifestFile& info,
                                const std::function<Result<void>(std::uint64_t bytes)>& spend = {});

}  // namespace dl::slave
