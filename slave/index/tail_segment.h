// The rows of one log segment in memory: immutable columnar chunks, for every row the offset of the record
// that replaced it, and the key table. The writer appends and marks; a pinned view reads its chunks
// and looks keys up at any time.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <vector>

#include "common/base/ids.h"
#include "common/record/column_batch.h"
#include "slave/index/key_table.h"

namespace dl::slave {

inline constexpr Offset kNeverSuperseded = std::numeric_limits<Offset>::max();

// Offsets of the records that replaced the rows, in blocks that never move. One thread marks, any reads.
class SupersededBlock {
  public:
    static constexpr std::uint32_t kRows = 4096;
    SupersededBlock() {
        for (auto& by : by_)
            by.store(kNeverSuperseded, std::memory_order_relaxed);
    }
    Offset at(std::uint32_t row) const { return by_[row].load(std::memory_order_acquire); }
    void mark(std::uint32_t row, Offset by) {
        by_[row].store(by, std::memory_order_release);
        // The bit last: who sees it sees by_ and newest_ too.
        if (by > newest_.load(std::memory_order_relaxed)) newest_.store(by, std::memory_order_relaxed);
        auto& word = marked_[row / 64];
        word.store(word.load(std::memory_order_relaxed) | std::uint64_t{1} << (row % 64),
                   std::memory_order_release);
    }
    // Bit i of words[w]: row 64 (first_word + w) + i is replaced by a record below `cut`, which is the cut of
    // a view.
    void superseded_below(Offset cut, std::uint32_t first_word, std::span<std::uint64_t> words) const;

  private:
    std::array<std::atomic<Offset>, kRows> by_;
    std::array<std::atomic<std::uint64_t>, kRows / 64> marked_{};
    std::atomic<Offset> newest_{-1};  // of by_
};

// Rows [first_row, ...) of a chunk were appended at this time.
struct TimeRun {
    std::uint32_t first_row = 0;
    std::int64_t append_time_us = 0;
};

// Immutable but for the superseded marks, which only ever change from "never" to an offset at or above the
// cut of every view pinned before, so that a view's answer never changes.
struct TailChunk {
    ColumnBatch batch;
    Offset base_offset = 0;
    std::vector<TimeRun> times;  // ascending by row, the first at 0
    std::uint32_t first_in_block = 0;
    std::vector<std::shared_ptr<SupersededBlock>> blocks;

    Offset superseded_at(std::uint32_t row) const {
        const std::uint32_t at = first_in_block + row;
        return blocks[at / SupersededBlock::kRows]->at(at % SupersededBlock::kRows);
    }
    // Live for a view that sees the records below `cut`: an insert that none of those replaced.
    bool is_live(std::uint32_t row, Offset cut) const {
        return !batch.is_delete(row) && superseded_at(row) >= cut;
    }
    // Adds the rows of [begin, end) that are live for it, ascending: the same for many rows at once.
    void append_live(std::uint32_t begin, std::uint32_t end, Offset cut,
                     std::vector<std::uint32_t>* rows) const;
    // How many append_live() would add.
    std::uint64_t count_live(std::uint32_t begin, std::uint32_t end, Offset cut) const;

  private:
    // Calls found(row, live) for every 64 rows: bit i of `live` is row + i, set when no record below the cut
    // replaced it. `row` is a negative number, as an unsigned one, where these begin before the chunk; their
    // bits are 0, and those behind `end`.
    template <class Found>
    void each_64_rows(std::uint32_t begin, std::uint32_t end, Offset cut, Found found) const;
};

using TailChunks = std::vector<std::shared_ptr<const TailChunk>>;

class TailSegment {
  public:
    explicit TailSegment(Offset first_offset) : first_offset_(first_offset) {}

    Offset first_offset() const { return first_offset_; }
    Offset end_offset() const { return first_offset_ + keys_.rows(); }
    std::uint32_t rows() const { return keys_.rows(); }
    std::uint64_t body_bytes() const { return body_bytes_; }
    std::uint64_t resident_bytes() const;
    const TailChunks& chunks() const { return chunks_; }
    const KeyTable& keys() const { return keys_; }
    bool closed() const { return closed_; }
    // Read by a flush while the writer goes by: written once.
    void close() {
        if (!closed_) closed_ = true;
    }

    // Adds the rows of one batch; its base offset must be end_offset(), `hashes` one per row. Older rows of
    // the same keys in this segment are marked; hashes of keys this segment did not hold are appended to
    // `fresh` with their offsets.
    struct FreshKey {
        Hash128 hash;
        Offset offset = 0;
    };
    Result<void> append(const ColumnBatch& batch, std::int64_t append_time_us,
                        std::span<const Hash128> hashes, std::vector<FreshKey>* fresh);
    // The newest row of a key here, marked as replaced by `by`; false when the key is not here.
    bool supersede(const Hash128& hash, Offset by);
    void prefetch(const Hash128& hash) const { keys_.prefetch(hash); }

    // From any thread, while the writer appends: the newest record of the key below `cut`, which is the cut
    // of a view that holds this segment.
    std::optional<Offset> find_below(const Hash128& hash, Offset cut) const;
    // From any thread: adds the keys of the records at and above `from`, with repeats.
    void collect_keys(Offset from, std::vector<Hash128>* keys) const;

  private:
    void mark(std::uint32_t row, Offset by) {
        blocks_[row / SupersededBlock::kRows]->mark(row % SupersededBlock::kRows, by);
    }
    Result<void> merge_small_chunks();

    const Offset first_offset_;
    // Of keys_, between the writer (which alone changes it) and lookups; held for a few rows at a time.
    mutable std::shared_mutex keys_mutex_;
    KeyTable keys_;
    std::vector<std::shared_ptr<SupersededBlock>> blocks_;
    TailChunks chunks_;
    std::uint64_t body_bytes_ = 0;
    bool closed_ = false;
};

}  // namespace dl::slave
