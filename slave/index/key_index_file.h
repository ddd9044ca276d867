// The key index of one snapshot file (`.kix`, docs/formats/key-index.md): the newest record of each key of
// the file's offset range, as sorted 128-bit hashes with their row numbers, a directory over the hashes'
// leading bits and a Bloom filter, all in lines with a checksum each. Written once, never changed; mapped
// while it is used (pooled_mapping.h). Every answer comes from lines whose checksum was right when it was
// given.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/hash.h"
#include "common/base/ids.h"
#include "common/io/file_system.h"
#include "slave/index/bloom_filter.h"
#include "slave/index/pooled_mapping.h"

namespace dl::slave {

// What the index is of; checked against the manifest when it is opened.
struct KeyIndexInfo {
    Offset first_offset = 0;
    Offset end_offset = 0;
    std::uint64_t rows = 0;  // of the snapshot file
    std::uint64_t hash_seed = 0;
};

// Collects entries in ascending hash order and writes the file. Memory: 20 bytes an entry, and a tenth of
// that while it writes.
class KeyIndexWriter {
  public:
    explicit KeyIndexWriter(const KeyIndexInfo& info) : info_(info) {}
    void reserve(std::size_t entries);
    // Hashes strictly ascending; `row` < rows of the file; `is_delete`: the record is a delete.
    void add(const Hash128& hash, std::uint32_t row, bool is_delete);
    std::uint64_t entries() const { return hashes_.size(); }
    // Writes and syncs the file (the caller syncs the directory). The path must not exist.
    Result<void> write(FileSystem& files, const std::string& path) const;

  private:
    KeyIndexInfo info_;
    std::vector<Hash128> hashes_;
    std::vector<std::uint32_t> rows_;
};

// Thread-safe. Any call may fail because the file cannot be mapped again. CORRUPT_DATA of any call names the
// file and the damaged byte; the index is doubted from then on.
class KeyIndex {
  public:
    static constexpr std::uint32_t kNone = 0xffffffffu;
    static constexpr std::uint64_t kEntriesPerLine = 3;
    struct Entry {
        Hash128 hash;
        std::uint32_t row = 0;
        bool is_delete = false;
    };

    enum class Lines : std::uint8_t { all_now, as_they_are_used };
    // Maps the file and checks its header, and all lines unless each is to be checked with its first use
    // alone: CORRUPT_DATA says what does not fit.
    static Result<std::shared_ptr<const KeyIndex>> open(FileSystem& files, const std::string& path,
                                                        const KeyIndexInfo& expected,
                                                        Lines lines = Lines::all_now);

    std::uint64_t entries() const { return entries_; }
    std::uint64_t mapped_bytes() const { return mapping_->size(); }
    // rows[i] = row of hashes[i], or kNone. Made for many hashes at once: the memory they need is asked for
    // beforehand. After an error `rows` says nothing.
    Result<void> find(std::span<const Hash128> hashes, std::uint32_t* rows) const;
    // One key, with whether its newest record in the file is a delete.
    Result<std::optional<Entry>> find(const Hash128& hash) const;
    // Looks at every line.
    Result<void> check() const;
    // A line was not what was written.
    bool is_doubted() const { return doubted_.load(std::memory_order_relaxed); }

    // The entries in hash order.
    class Cursor {
      public:
        explicit Cursor(const KeyIndex& index) : index_(index) {}
        // False behind the last one.
        Result<bool> next(Entry* entry);

      private:
        const KeyIndex& index_;
        std::optional<PooledMapping::Lease> lease_;
        std::uint64_t at_ = 0;
    };

  private:
    friend class KeyIndexWriter;
    static constexpr std::uint32_t kDeleteBit = 0x80000000u;

    const char* line(std::uint64_t number) const { return mapping_->data() + number * kLineBytes; }
    bool is_whole(std::uint64_t number) const { return line_is_whole(line(number), number, salt_); }
    Error damaged(std::uint64_t line) const;
    std::uint64_t directory_line(std::uint64_t bucket) const;
    std::uint64_t bucket_of(const Hash128& hash) const { return (hash.high >> 1) >> directory_shift_; }
    // The row (with the delete bit) of a key whose filter line says maybe, kNone when it is not there.
    // `first_entry` is what the directory says, which nobody has looked at yet.
    Result<std::uint32_t> search(const Hash128& hash, std::uint64_t first_entry) const;
    Result<std::uint32_t> search_proven(const Hash128& hash) const;
    std::uint32_t first_entry(const Hash128& hash) const;

    std::string path_;
    std::unique_ptr<PooledMapping> mapping_;
    std::uint32_t salt_ = 0;
    std::uint64_t entries_ = 0;
    std::uint32_t directory_shift_ = 63;  // bucket = (high >> 1) >> directory_shift_
    std::uint32_t bloom_blocks_ = 0;
    std::uint64_t bloom_line_ = 0;    // first line of the filter
    std::uint64_t entries_line_ = 0;  // and of the entries
    mutable std::atomic<bool> doubted_{false};
};

}  // namespace dl::slave
