// The manifest of a partition: which snapshot files there are, what they cover, and where the log takes over.
// A change is appended to it and synced, or it is replaced by one atomic rename: either is the only commit
// point of flush and compaction (INV-6); every file it does not name is garbage. Format:
// docs/formats/manifest.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "common/io/file_system.h"
#include "common/types/schema.h"

namespace dl::slave {

struct ManifestFile {
    Offset first_offset = 0;  // covers [first_offset, end_offset)
    Offset end_offset = 0;
    std::uint64_t edition = 0;  // of the manifest that brought it; part of the file names
    bool compacted = false;     // false: every record of its range; true: the newest of each key, no deletes
    std::uint64_t rows = 0;
    Offset first_row_offset = 0;  // offset of row 0
    Offset last_row_offset = 0;
    std::uint64_t parquet_bytes = 0;
    std::uint32_t parquet_crc = 0;     // CRC-32C of the whole Parquet file
    std::uint64_t plain_bytes = 0;     // about, uncompressed
    LeaderEpoch epoch{1};              // newest of its records
    std::uint64_t vector_version = 0;  // its delete vector is `<stem>.dv.<version>`
    std::vector<Field> fields;         // id and type; the name is the column's name in the file

    // `00000000000000000000-00000000000000001000.3`
    std::string stem() const;
    std::string parquet_name() const { return stem() + ".parquet"; }
    std::string index_name() const { return stem() + ".kix"; }
    std::string vector_name(std::uint64_t version) const { return stem() + ".dv." + std::to_string(version); }
};

// Offsets [from, end) of acknowledged records that are not there any more, which somebody has accepted. They
// are never given to other records.
struct ManifestLoss {
    Offset from = 0;
    Offset end = 0;
    bool end_is_known = true;  // false: there may have been fewer
    friend bool operator==(const ManifestLoss&, const ManifestLoss&) = default;
};

struct Manifest {
    std::uint64_t edition = 0;  // + 1 with every replacement
    TableId table;
    PartitionId partition;
    Offset flushed_end = 0;    // records below are in files; recovery replays the log from here
    Offset compacted_end = 0;  // files below are compacted; the log may still have their records
    Offset log_start = 0;  // records below are in compacted files only (below salvaged_end: in any files);
                           // log segments that end there are garbage
    std::vector<ManifestFile> files;  // ascending, not overlapping; dense from compacted_end on but for lost
    // `batch-ids.<n>`, oldest first: what is remembered of the batches below flushed_end.
    std::vector<std::uint64_t> batch_ids;
    // Of format version 1: batch_ids names at most one file, of the ids below log_start, and the indexes of
    // the log have the others.
    bool batch_ids_in_log = false;
    std::vector<ManifestLoss> lost;  // ascending
    Offset salvaged_end = 0;  // where the log was begun anew by the last acceptance of a loss; 0: never

    static std::string batch_ids_name(std::uint64_t edition) {
        return "batch-ids." + std::to_string(edition);
    }
};

// Tells apart what was given up for good (`lost`, `salvaged_end`): copies of a partition have the same one.
// 0: nothing was.
std::uint32_t losses_digest(const Manifest& manifest);

// In its whole form, without changes behind it.
std::string encode_manifest(const Manifest& manifest);
// CORRUPT_DATA: damaged, unknown version, or not consistent in itself. `torn_bytes`: of a last change that
// was not finished, and does not count.
Result<Manifest> decode_manifest(std::string_view text, std::size_t* torn_bytes = nullptr);
// CORRUPT_DATA: not consistent in itself.
Result<void> check_manifest(const Manifest& manifest);

// Reads and changes `<directory>/manifest`. Blocking; one thread at a time changes it.
class ManifestStore {
  public:
    ManifestStore(FileSystem& files, std::string directory)
        : files_(files), directory_(std::move(directory)) {}
    std::string path() const { return directory_ + "/manifest"; }
    // Errors name the path. `torn_bytes`: as of decode_manifest(). When what the manifest names is gone, they
    // were no torn change but a damaged one, by whose word it was removed.
    Result<Manifest> load(std::size_t* torn_bytes = nullptr) const;
    // Writes all of it. Durable on return. After an error either the old or the new one is on disk.
    // `operation` names the crash points: "<operation>.before-manifest-rename",
    // "<operation>.after-rename-before-dir-fsync".
    Result<void> replace(const Manifest& manifest, const std::string& operation);
    // The same, but appends only what has changed since this object wrote `before`, as long as all changes
    // are not more than the whole; so the first one writes all, and so does the first one after an error:
    // nothing is appended to bytes that somebody else wrote, or that may be torn. Crash points:
    // "<operation>.before-manifest-append", "<operation>.mid-manifest-append",
    // "<operation>.after-append-before-manifest-fsync".
    Result<void> commit(const Manifest& before, const Manifest& manifest, const std::string& operation);

    static constexpr std::size_t kChangesBytesMin = 16u << 10;  // before the whole is written again

  private:
    struct Written {
        std::uint64_t edition = 0;
        std::size_t whole_bytes = 0;
        std::size_t bytes = 0;  // with the changes
    };
    Result<void> append_change(WritableFile& file, std::string_view change, const std::string& operation);

    std::optional<Written> written_;  // what is in the file for certain
    FileSystem& files_;
    std::string directory_;
};

}  // namespace dl::slave
