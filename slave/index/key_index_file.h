// The key index of one snapshot file (`.kix`, docs/formats/key-index.md): the newest record of each key of
// the file's offset range, as sorted 128-bit hashes with their row numbers, a directory over the hashes'
// leading bits (about eight entries a bucket) and a Bloom filter. Written once, then mapped; never changed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/hash.h"
#include "common/base/ids.h"
#include "common/io/file_system.h"
#include "slave/index/bloom_filter.h"

namespace dl::slave {

// What the index is of; checked against the manifest when it is opened.
struct KeyIndexInfo {
    Offset first_offset = 0;
    Offset end_offset = 0;
    std::uint64_t rows = 0;  // of the snapshot file
    std::uint64_t hash_seed = 0;
};

// Collects entries in ascending hash order and writes the file. Memory: 20 bytes an entry.
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

// Thread-safe.
class KeyIndex {
  public:
    static constexpr std::uint32_t kNone = 0xffffffffu;
    struct Entry {
        Hash128 hash;
        std::uint32_t row = 0;
        bool is_delete = false;
    };

    // Maps the file and checks every byte of it by CRC: CORRUPT_DATA names the file and what does not fit.
    static Result<std::shared_ptr<const KeyIndex>> open(FileSystem& files, const std::string& path,
                                                        const KeyIndexInfo& expected);

    std::uint64_t entries() const { return entries_; }
    std::uint64_t mapped_bytes() const { return bytes_.size(); }
    // rows[i] = row of hashes[i], or kNone. Made for many hashes at once: the memory they need is asked for
    // beforehand.
    void find(std::span<const Hash128> hashes, std::uint32_t* rows) const;
    // One key, with whether its newest record in the file is a delete.
    std::optional<Entry> find(const Hash128& hash) const;
    // In hash order; `index` < entries().
    Entry entry(std::uint64_t index) const;

  private:
    std::uint32_t row_at(std::uint64_t index) const { return load_row(index) & ~kDeleteBit; }
    std::uint32_t load_row(std::uint64_t index) const;
    Hash128 load_hash(std::uint64_t index) const;

    static constexpr std::uint32_t kDeleteBit = 0x80000000u;
    friend class KeyIndexWriter;

    SharedBytes bytes_;
    std::uint64_t entries_ = 0;
    std::uint32_t directory_shift_ = 63;  // bucket = (high >> 1) >> directory_shift_
    const char* directory_ = nullptr;
    const char* hashes_ = nullptr;
    const char* rows_ = nullptr;
    BloomView bloom_;
};

}  // namespace dl::slave
