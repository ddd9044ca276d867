// The snapshot files of a partition with their delete vectors at one instant. Immutable and shared: the
// writer makes a new one for every group of appends that kills rows in files, views keep theirs.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "slave/index/tail_segment.h"
#include "slave/snapshot/delete_vector.h"
#include "slave/snapshot/snapshot_file.h"

namespace dl::slave {

struct FileEntry {
    std::shared_ptr<const SnapshotFile> file;
    std::shared_ptr<const DeleteVector> dead;
};

class FileSet {
  public:
    FileSet() = default;
    // Ascending, not overlapping, each with a vector of as many rows as the file has.
    explicit FileSet(std::vector<FileEntry> entries);
    const std::vector<FileEntry>& entries() const { return entries_; }  // ascending offsets
    const FileEntry* find(std::string_view stem) const;

    // The set after records with these keys were appended behind all files: the newest row of each key,
    // looked for from the newest file to the oldest, is dead. nullptr when that changes nothing. CORRUPT_DATA
    // for a damaged key index, which is doubted then.
    Result<std::shared_ptr<const FileSet>> superseded_by(std::span<const TailSegment::FreshKey> keys) const;
    // One of the key indexes was found damaged.
    bool has_doubted_index() const;

  private:
    std::vector<FileEntry> entries_;
};

}  // namespace dl::slave
