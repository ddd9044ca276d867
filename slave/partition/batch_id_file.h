// A file of remembered batches, `batch-ids.<edition>` (docs/formats/batch-ids.md): sorted by id, in blocks
// with a checksum each, with a filter that tells most ids it does not hold without a read. Written once,
// never changed; named by the manifest. What is resident of it: the filter and the first id of each block.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/io/file_system.h"
#include "slave/index/bloom_filter.h"
#include "slave/partition/batch_id_table.h"

namespace dl::slave {

struct BatchIdFileOwner {
    TableId table;
    PartitionId partition;
};

// Ids come ascending. After an error the file is garbage of the caller's.
class BatchIdFileWriter {
  public:
    static Result<std::unique_ptr<BatchIdFileWriter>> create(FileSystem& files, const std::string& path,
                                                             BatchIdFileOwner owner);
    Result<void> add(const BatchGroup& group);
    // Synced on return.
    Result<void> finish();

  private:
    BatchIdFileWriter(std::unique_ptr<WritableFile> file, BatchIdFileOwner owner)
        : file_(std::move(file)), owner_(owner) {}
    void put(const Hash128& id, const RememberedBatch& batch);
    void close_block();
    Result<void> write_out();

    std::unique_ptr<WritableFile> file_;
    BatchIdFileOwner owner_;
    std::vector<Hash128> ids_;  // the filter is made for as many as there are
    std::string block_;         // entries of the one begun
    std::string pending_;       // blocks not written yet
    std::string firsts_;        // upper half of the first id of each block
    std::uint32_t blocks_ = 0;
    std::uint64_t entries_ = 0;
    std::int64_t newest_us_ = 0;
};

// Thread-safe.
class BatchIdFile {
  public:
    // Reads and checks all but the blocks. CORRUPT_DATA names the file.
    static Result<std::shared_ptr<const BatchIdFile>> open(FileSystem& files, std::string path,
                                                           std::uint64_t edition, BatchIdFileOwner owner);

    // One or two reads when the filter does not know better. CORRUPT_DATA: what is asked for may be there.
    Result<std::optional<BatchGroup>> find(const Hash128& id) const;

    std::uint64_t edition() const { return edition_; }
    const std::string& path() const { return path_; }
    std::uint64_t entries() const { return entries_; }
    std::uint64_t bytes() const { return bytes_; }
    std::int64_t newest_us() const { return newest_us_; }
    std::uint64_t resident_bytes() const { return filter_.size() + firsts_.size() * sizeof(firsts_[0]); }
    // A block could not be read for a merge: the file is left as it is until it is forgotten.
    bool damaged() const { return damaged_.load(); }
    void note_damage() const { damaged_.store(true); }

    // Every group, ascending by id.
    class Cursor {
      public:
        explicit Cursor(const BatchIdFile& file) : file_(file) {}
        // nullopt: the end.
        Result<std::optional<BatchGroup>> next();

      private:
        Result<bool> load_block();  // false: there is none
        const BatchIdFile& file_;
        std::uint32_t block_ = 0;  // the next one
        std::string_view entries_;
        SharedBytes bytes_;
    };

  private:
    BatchIdFile(FileSystem& files, std::string path, std::uint64_t edition)
        : files_(files), path_(std::move(path)), edition_(edition) {}
    Result<void> load(BatchIdFileOwner owner);
    // The entries of `bytes`, which were read from this block.
    Result<std::string_view> check_block(const SharedBytes& bytes, std::uint32_t block) const;
    Result<SharedBytes> read_block(std::uint32_t block) const;
    Error corrupt(const std::string& what) const;

    FileSystem& files_;
    const std::string path_;
    const std::uint64_t edition_;
    std::uint64_t entries_ = 0, bytes_ = 0;
    std::size_t entry_bytes_ = 0;  // of one
    std::int64_t newest_us_ = 0;
    std::uint32_t filter_blocks_ = 0;
    std::string filter_;
    std::vector<std::uint64_t> firsts_;
    mutable std::atomic<bool> damaged_{false};
    mutable std::mutex mutex_;
    mutable std::shared_ptr<ReadableFile> file_;  // from the first block that is read on
};

// Content of a `batch-ids.<n>` file of format version 1, of releases before this one; oldest first.
Result<std::vector<BatchIdEntry>> decode_batch_ids_v1(std::string_view bytes);

}  // namespace dl::slave
