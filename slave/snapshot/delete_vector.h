// Which rows of one snapshot file are dead: deletes, and records whose key has a newer one. In memory 64
// Ki-row bitmaps shared between versions, so that a new version copies only the bitmaps it changes; on disk a
// Roaring bitmap
// (`.dv.<version>`, docs/formats/delete-vector.md). A version is immutable and thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/duck/scan_source.h"

namespace dl::slave {

// Fixed number of bits, by row number. Used where bits are set one by one before they are shared.
class RowBits {
  public:
    explicit RowBits(std::uint64_t rows = 0) : rows_(rows), words_((rows + 63) / 64) {}
    std::uint64_t rows() const { return rows_; }
    bool test(std::uint64_t row) const { return ((words_[row >> 6] >> (row & 63)) & 1) != 0; }
    // False when it was set already.
    bool set(std::uint64_t row) {
        const std::uint64_t bit = std::uint64_t{1} << (row & 63);
        if ((words_[row >> 6] & bit) != 0) return false;
        words_[row >> 6] |= bit;
        return true;
    }
    std::uint64_t count() const;
    std::span<const std::uint64_t> words() const { return words_; }

  private:
    std::uint64_t rows_;
    std::vector<std::uint64_t> words_;
};

class DeleteVector : public RowFilter {
  public:
    static constexpr std::uint32_t kChunkRows = 65536;
    static constexpr std::uint32_t kChunkWords = kChunkRows / 64;

    // Of a file with `rows` rows, none of them dead.
    explicit DeleteVector(std::uint64_t rows) : rows_(rows), chunks_((rows + kChunkRows - 1) / kChunkRows) {}
    static std::shared_ptr<const DeleteVector> from_bits(const RowBits& dead);

    std::uint64_t rows() const { return rows_; }
    std::uint64_t dead() const { return dead_; }
    std::uint64_t resident_bytes() const;
    bool is_dead(std::uint64_t row) const {
        const auto& chunk = chunks_[row / kChunkRows];
        return chunk != nullptr && ((chunk->words[(row % kChunkRows) / 64] >> (row & 63)) & 1) != 0;
    }
    // A version with these rows dead too (any order, repeats are fine); nullptr when all of them are dead
    // already.
    std::shared_ptr<const DeleteVector> with(std::span<const std::uint32_t> rows) const;
    // Rows dead here and not in `older`, ascending. Cheap where both share bitmaps.
    std::vector<std::uint32_t> rows_since(const DeleteVector& older) const;

    // RowFilter: keep = live. Row numbers outside the file are not live.
    void filter(const std::int64_t* row_numbers, std::size_t count, bool* keep) const override;

    // The file's content; `first` and `end` are the offsets the snapshot file covers.
    std::string encode(Offset first, Offset end) const;
    // CORRUPT_DATA says what does not fit; nothing is ever taken for "no rows dead".
    static Result<std::shared_ptr<const DeleteVector>> decode(std::string_view bytes, Offset first,
                                                              Offset end, std::uint64_t rows);

  private:
    // keep[i]: row first + i, all of them within the file, is live.
    void keep_live(std::uint64_t first, std::size_t count, bool* keep) const;

    struct Chunk {
        std::array<std::uint64_t, kChunkWords> words{};
    };
    std::uint64_t rows_ = 0;
    std::uint64_t dead_ = 0;
    std::vector<std::shared_ptr<const Chunk>> chunks_;  // nullptr: no dead row
};

}  // namespace dl::slave
