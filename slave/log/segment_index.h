// What is known of one segment besides its batches: where batches lie (sparse), when they were appended,
// which batch ids they carry. Kept in memory for every segment; on disk beside a closed one as `.idx`
// (docs/formats/log.md). Everything in it can be rebuilt from the segment. Not thread-safe.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "common/record/record_batch.h"
#include "slave/log/partition_log.h"

namespace dl::slave {

// A batch every limits::segment_index_interval_bytes.
struct IndexEntry {
    Offset offset = 0;  // base offset of the batch
    std::uint64_t position = 0;
    std::int64_t time_before_us = 0;  // newest append time of all batches before it in the segment
};

inline constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();

struct SegmentIndex {
    TableId table;
    PartitionId partition;
    Offset first_offset = 0;
    Offset end_offset = 0;
    std::uint64_t bytes = 0;                // of the segment
    std::int64_t newest_time_us = kNoTime;  // kNoTime: no batch
    std::vector<IndexEntry> entries;        // ascending; the first batch is always one
    // Of a segment that release 0.1.0 closed, in order, about the newest limits::indexed_batch_ids_max. Since
    // then flushes write them to files of their own (batch_id_file.h).
    std::vector<BatchIdEntry> batch_ids;

    // Takes in the next batch of the segment, which lies at `bytes`.
    void add(const RecordBatchHeader& header);
    // Its batch id, too, if it has one.
    void add_batch_id(const RecordBatchHeader& header);
    // The last entry at or before `offset` (not below first_offset; the index is not empty).
    const IndexEntry& at_or_before(Offset offset) const;
    // Where the first entry at or behind `offset` lies; `bytes` when there is none: batches below `offset`
    // lie before it.
    std::uint64_t position_behind(Offset offset) const;
    // The entry from which on the first batch appended at or after `time_us` lies; newest_time_us >= time_us.
    const IndexEntry& at_or_before_time(std::int64_t time_us) const;

    std::string encode() const;
    // CORRUPT_DATA for anything but an intact index.
    static Result<SegmentIndex> decode(std::string_view bytes);
};

}  // namespace dl::slave
