// The segmented, append-only log of one partition (docs/formats/log.md). Segments are files named by their
// first offset, `00000000000000000042.log`; beside a closed one lies `.idx` (offset/time index and batch ids,
// rebuildable). The next offset is derived from the log and stored nowhere else. One writer (the partition's
// writer, one thread at a time); readers from any thread. All calls block.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/io/file_system.h"
#include "common/record/record_batch.h"

namespace dl::slave {

struct LogOptions {
    std::uint64_t segment_bytes = 64u << 20;  // a segment is closed when the next batch would take it beyond
    bool sync = true;                         // false: sync() returns without fdatasync
};

struct SegmentInfo {
    Offset first_offset = 0;
    Offset end_offset = 0;  // first offset behind the segment
    std::uint64_t bytes = 0;
    bool closed = false;
};

// A batch as it lies in a segment.
struct StoredBatch {
    RecordBatchHeader header;
    SharedBytes body;  // stored form
};

struct BatchIdEntry {
    Hash128 id;
    Offset first = 0;
    Offset last = 0;
};

class PartitionLog {
  public:
    struct Recovered {
        Offset end_offset = 0;
        std::uint64_t torn_bytes_dropped = 0;
        std::vector<BatchIdEntry>
            batch_ids;  // of all segments kept, oldest first, the newest limits::batch_ids_per_partition_max
    };
    // Opens or creates the log. Batches at or after `replay_from` are CRC-checked, must be dense, and are
    // handed to `replay` in order; older closed segments are trusted through their index (rebuilt when
    // missing). An incomplete or unreadable end of the *last* segment without a valid batch behind it is cut
    // off; any other damage is CORRUPT_DATA with file and byte offset, and nothing is changed. When no
    // segment exists, the log starts at `start_if_empty`.
    static Result<std::unique_ptr<PartitionLog>> open(
        FileSystem& files, std::string directory, TableId table, PartitionId partition,
        const LogOptions& options, Offset replay_from, Offset start_if_empty,
        const std::function<Result<void>(const StoredBatch&)>& replay, Recovered* recovered);
    virtual ~PartitionLog() = default;

    // --- writer ---
    // Appends batches whose headers are complete except base_offset, epoch-independent: base offsets are
    // assigned here, densely, and written back into the headers. Rolls first when needed (the old segment is
    // synced and its index written). Not durable before sync(). After an error the log is failed: every later
    // append and sync fails.
    virtual Result<void> append(std::span<StoredBatch> batches) = 0;
    virtual Result<void> sync() = 0;
    virtual Result<void> roll() = 0;  // closes the active segment if it holds anything
    virtual bool failed() const = 0;
    // Ends writing for good and lets go of the active file, which gives back what was allocated ahead of its
    // end: that must not happen later, when another owner may have appended to it. Writer calls fail from
    // here on, with UNAVAILABLE unless the log had failed before; reads go on.
    virtual void stop_writing() = 0;
    // Removes closed segments that end at or before `offset`. Open readers keep reading what they hold.
    virtual Result<void> remove_before(Offset offset) = 0;

    // --- any thread ---
    virtual Offset first_offset() const = 0;
    virtual Offset end_offset() const = 0;  // behind the last appended batch (synced or not)
    virtual std::vector<SegmentInfo> segments() const = 0;
    // Whole batches from the one that holds `from` on, until `end` (exclusive; the caller passes the synced
    // end), about `max_bytes` of stored bodies, at least one batch if there is one. Each CRC, table,
    // partition and offset is checked (INV-4): CORRUPT_DATA names file and byte offset. NOT_FOUND when `from`
    // is below first_offset().
    virtual Result<std::vector<StoredBatch>> read(Offset from, Offset end, std::uint64_t max_bytes) const = 0;
    // First offset of a batch appended at or after `time_us`; end_offset() when there is none.
    virtual Result<Offset> offset_for_time(std::int64_t time_us) const = 0;
};

}  // namespace dl::slave
