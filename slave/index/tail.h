// All rows since the last flush: one TailSegment per log segment, oldest first. Changed by the partition's
// writer only; snapshots() are what pinned views hold.
#pragma once

#include <memory>
#include <vector>

#include "common/types/schema.h"
#include "slave/index/tail_segment.h"

namespace dl::slave {

// What a view sees of the tail. Immutable.
struct TailSnapshot {
    TailChunks chunks;                                         // ascending offsets
    std::vector<std::shared_ptr<const TailSegment>> segments;  // for lookups of keys; oldest first
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
};

// Hashes of the keys of all rows. CORRUPT_DATA when the batch lacks the key column or holds a NULL key.
Result<std::vector<Hash128>> hash_keys(const ColumnBatch& batch, FieldId key, std::uint64_t seed);

class Tail {
  public:
    explicit Tail(Offset end_offset) : end_offset_(end_offset) {}

    Offset end_offset() const { return end_offset_; }
    const std::vector<std::shared_ptr<TailSegment>>& segments() const { return segments_; }
    // The segment that starts at end_offset() takes what follows; the one before is closed.
    void start_segment();
    // Closes the newest segment (its log segment was rolled).
    void close_segment();
    // Adds a batch behind the last one. Keys that no tail segment holds are appended to `missing`.
    Result<void> append(const ColumnBatch& batch, std::int64_t append_time_us,
                        std::span<const Hash128> hashes, std::vector<TailSegment::FreshKey>* missing);
    // Forgets a segment that has been flushed; it must be the oldest.
    void drop_oldest(const TailSegment& segment);
    std::shared_ptr<const TailSnapshot> snapshot() const;
    std::uint64_t resident_bytes() const;

  private:
    std::vector<std::shared_ptr<TailSegment>> segments_;
    Offset end_offset_;
};

}  // namespace dl::slave
