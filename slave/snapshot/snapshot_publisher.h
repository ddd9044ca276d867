// Makes a new set of snapshot files the partition's, on disk: writes the delete vectors that changed, then
// replaces the manifest. Owns the manifest's current content. commit() is called by one thread at a time (the
// partition's commit mutex); the other calls from any.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "slave/snapshot/file_set.h"
#include "slave/snapshot/manifest.h"

namespace dl::slave {

class SnapshotPublisher {
  public:
    // `directory` is the partition's; snapshot files lie in `<directory>/snapshots`.
    SnapshotPublisher(FileSystem& files, std::string directory, Manifest manifest, const FileSet& loaded);

    // For the names of new files: never used before in this process, nor in any committed manifest.
    std::uint64_t next_edition() const { return editions_.fetch_add(1); }
    Manifest manifest() const;

    struct Change {
        std::string operation;         // "flush" or "compaction", names the crash points
        std::vector<FileEntry> files;  // all files after the change, with the vectors to persist; ascending
        Offset flushed_end = 0;
        Offset compacted_end = 0;
        Offset log_start = 0;
        std::optional<std::vector<std::uint64_t>> batch_ids{};  // editions of their files; nullopt: the same
        std::vector<ManifestLoss> lost{};  // accepted with this change, behind those of before
        Offset salvaged_end = 0;           // with `lost`
        bool whole = false;                // the manifest is written anew, whatever lies there
    };
    // Durable on return. New files, those of batch ids too, are already synced; the directory is synced here.
    // After an error the change is not made and the files it would have brought are removed, unless a
    // manifest that names them may be on disk: then they stay until the next commit.
    Result<void> commit(const Change& change);
    // Removes those of these files that no manifest names yet.
    void discard(const std::vector<FileEntry>& files);
    // The same files with these vectors, every one of them written anew: one on disk may be damaged. As
    // durable as commit(), under the same mutex.
    Result<void> rewrite_vectors(std::vector<FileEntry> files);

  private:
    struct Persisted {
        std::uint64_t version = 0;
        std::shared_ptr<const DeleteVector> vector;
    };
    // Of a commit under way.
    struct Draft {
        Manifest manifest;
        std::map<std::string, Persisted> persisted;
        std::vector<std::string> brought;   // paths that the manifest before does not name
        std::vector<std::string> replaced;  // paths that this one does not name any more
    };
    Result<void> write(const Change& change, Draft* draft);
    void remove(const std::vector<std::string>& paths, const char* what);
    FileSystem& files_;
    std::string directory_;
    ManifestStore store_;
    mutable std::atomic<std::uint64_t> editions_;
    mutable std::mutex mutex_;  // of manifest_
    Manifest manifest_;
    std::map<std::string, Persisted> persisted_;  // by stem
    std::vector<std::string> doubtful_;           // paths that a manifest on the disk may name, or may not
};

// Writes and syncs one file that does not exist yet.
Result<void> write_new_file(FileSystem& files, const std::string& path, std::string_view content);

inline std::string snapshots_directory(const std::string& directory) {
    return directory + "/snapshots";
}

}  // namespace dl::slave
