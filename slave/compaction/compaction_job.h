// Rewrites a run of snapshot files: of each key only the newest record of the run stays, deletes go, offsets
// and append times are kept. Or joins flushed files: all of their records stay. Writes and syncs the new
// files and checks them (INV-5); names them in no manifest. Blocking: compaction pool. cancel() from any
// thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/synchronized.h"
#include "common/duck/duck_database.h"
#include "common/meta/table_meta.h"
#include "slave/compaction/compaction_planner.h"
#include "slave/compaction/io_budget.h"
#include "slave/snapshot/file_set.h"
#include "slave/snapshot/keep_set.h"

namespace dl::slave {

struct CompactionInput {
    FileSystem* files = nullptr;
    std::shared_ptr<DuckDatabase> database;  // of file_duck_database()
    std::string snapshots_directory;
    std::shared_ptr<const TableMeta> table;
    std::vector<FileEntry> inputs;  // ascending; all files of the partition, or a run of flushed ones to join
    bool join = false;
    std::uint64_t edition = 0;              // of the new files
    IoBudget* budget = nullptr;             // of reading and writing; nullptr: no limit
    std::uint64_t free_disk_bytes_min = 0;  // DISK_FULL when the new files would leave less
};

struct CompactionOutput {
    struct File {
        std::shared_ptr<const SnapshotFile> file;
        OutputGroup group;
    };
    std::vector<FileEntry> inputs;
    std::vector<KeptRows> kept;  // by input
    std::vector<File> files;
    std::uint64_t rows_before = 0;
    std::uint64_t rows_after = 0;
    bool unchanged = false;  // every input is compacted and keeps all of its rows: nothing to commit

    Offset end_offset() const { return inputs.empty() ? 0 : inputs.back().file->info().end_offset; }

    // The delete vector of an output: rows whose copy in the inputs is dead in `current`.
    std::shared_ptr<const DeleteVector> vector_of(const File& output, const FileSet& current) const;
};

class CompactionJob {
  public:
    explicit CompactionJob(CompactionInput input) : input_(std::move(input)) {}
    // CORRUPT_DATA when the counts do not agree: nothing is changed then. After an error the files begun are
    // removed.
    Result<CompactionOutput> run();
    // run() returns CANCELLED soon.
    void cancel();
    std::uint64_t rows_done() const { return rows_done_.load(); }
    std::uint64_t rows_total() const { return rows_total_.load(); }
    std::uint64_t bytes_done() const { return bytes_done_.load(); }

  private:
    Result<CompactionOutput> merge();
    Result<std::vector<KeptRows>> find_kept() const;
    Result<void> check_disk(const std::vector<InputSize>& sizes,
                            const std::vector<OutputGroup>& groups) const;
    void spend(std::uint64_t bytes) const;
    Result<std::shared_ptr<const SnapshotFile>> write_output(const CompactionOutput& output,
                                                             const OutputGroup& group);
    // Writes and syncs the Parquet file.
    Result<void> copy_rows(const CompactionOutput& output, const OutputGroup& group,
                           const std::vector<Field>& fields, const std::string& path);
    // Reads the offsets back: as many rows as expected, ascending, within the range.
    Result<void> check_written(const std::string& path, ManifestFile* info);
    Result<void> write_index(const CompactionOutput& output, const OutputGroup& group,
                             const ManifestFile& info);
    Result<std::unique_ptr<DuckSession>> start_session(DuckDatabase& database);

    CompactionInput input_;
    std::atomic<std::uint64_t> rows_done_{0};
    std::atomic<std::uint64_t> rows_total_{0};
    std::atomic<std::uint64_t> bytes_done_{0};
    std::vector<std::string> begun_;      // files of the running merge
    std::atomic<bool> cancelled_{false};  // set with the session locked
    Synchronized<DuckSession*> session_;  // the one that runs
};

}  // namespace dl::slave
