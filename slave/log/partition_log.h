// The segmented, append-only log of one partition (docs/formats/log.md). Segments are files named by their
// first offset, `00000000000000000042.log`; beside a closed one lies `.idx` (offset/time index and batch ids,
// rebuildable). The next offset is derived from the log and stored nowhere else. PartitionLog is the writer's
// face, SharedLog everybody's. All calls block.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/io/file_system.h"
#include "common/record/record_batch.h"

namespace dl::slave {

struct LogOptions {
    std::uint64_t segment_bytes = 64u << 20;  // a segment is closed when the next batch would take it beyond
    bool sync = true;                         // false: sync() returns without fdatasync
    Offset garbage_below = 0;  // segments that end there or before are removed at open, whatever they hold
    // Other files have every record from here up to where the log is replayed from; of those below, the log
    // alone may have the replaced ones.
    Offset complete_from = 0;
};

struct SegmentInfo {
    Offset first_offset = 0;
    Offset end_offset = 0;    // first offset behind the segment
    std::uint64_t bytes = 0;  // of its file
    bool closed = false;
    std::int64_t newest_time_us = 0;  // newest append time of its batches; the lowest there is without any
    std::uint64_t plain_bytes = 0;    // of its batches
    bool packed = false;
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
    std::uint64_t sequence = 0;  // as in BatchName
    SchemaId schema{};           // of its rows
    std::uint64_t digest = 0;    // of its rows; 0: not known
    BatchName name() const { return {id, sequence}; }
};

struct EpochStart {
    LeaderEpoch epoch;
    Offset first_offset = 0;  // of its first record
};
struct EpochEnd {
    LeaderEpoch epoch;
    Offset end_offset = 0;  // behind its last record
};

// Segments with records at or above its offset stay while it lives. Thread-safe; may outlive the log.
class RetentionHold {
  public:
    virtual ~RetentionHold() = default;
    // Only forward.
    virtual void advance(Offset floor) = 0;
};

// What any thread may do with a log, at any time.
class SharedLog {
  public:
    virtual ~SharedLog() = default;

    virtual Offset first_offset() const = 0;
    virtual Offset end_offset() const = 0;  // behind the last appended batch (synced or not)
    virtual std::vector<SegmentInfo> segments() const = 0;
    // Those that begin at or after `from`: for who needs the newest of many.
    virtual std::vector<SegmentInfo> segments_from(Offset from) const = 0;
    // Whole batches from the one that holds `from` on, until `end` (exclusive; the caller passes the synced
    // end), about `max_bytes` of stored bodies, at least one batch if there is one. Each CRC, table,
    // partition and offset is checked (INV-4): CORRUPT_DATA names file and byte offset. NOT_FOUND when `from`
    // is below first_offset().
    virtual Result<std::vector<StoredBatch>> read(Offset from, Offset end, std::uint64_t max_bytes) const = 0;
    // First offset of a batch appended at or after `time_us`; end_offset() when there is none.
    virtual Result<Offset> offset_for_time(std::int64_t time_us) const = 0;

    // The leader epochs of the batches, ascending. Read from the batches at open, stored nowhere else.
    virtual std::vector<EpochStart> epoch_history() const = 0;
    // The newest epoch of the log that is not above `epoch`, and where it ends: what a follower whose log
    // ends in `epoch` asks its leader. nullopt: every batch is of a newer one.
    virtual std::optional<EpochEnd> epoch_end(LeaderEpoch epoch) const = 0;
    virtual LeaderEpoch newest_epoch() const = 0;  // 0: no batch yet

    // NOT_FOUND when records from `from` on are not all there any more.
    virtual Result<std::unique_ptr<RetentionHold>> retain_from(Offset from) = 0;
    // The lowest offset somebody holds; the largest there is when nobody does.
    virtual Offset retention_floor() const = 0;
    // Removes closed segments that end at or before `offset` and below every RetentionHold. The caller has
    // made it durable that nothing below `offset` is needed, and opens the log with that as garbage_below:
    // after a crash any of the files may be there. Open readers keep reading what they hold.
    virtual Result<void> remove_before(Offset offset) = 0;
    // Makes one packed file of the closed segments from `first` up to `end`, both where a segment begins or
    // ends. Every batch is checked on the way (CORRUPT_DATA: nothing was changed). Readers go on; blocks.
    // NOT_FOUND when these are not all closed segments of the log any more.
    virtual Result<void> pack(Offset first, Offset end) = 0;
};

class PartitionLog : public SharedLog {
  public:
    struct Recovered {
        Offset end_offset = 0;
        std::uint64_t torn_bytes_dropped = 0;
        // Of closed segments below `replay_from`, oldest first, as far as their indexes name them: those
        // of release 0.1.0 do, the newest limits::indexed_batch_ids_max.
        std::vector<BatchIdEntry> batch_ids;
    };
    // Opens or creates the log. Batches at or after `replay_from` are CRC-checked, must be dense, their
    // epochs must not fall, and they are handed to `replay` in order; older closed segments are trusted
    // through their index (rebuilt when missing). An incomplete or unreadable end of the *last* segment
    // without a valid batch behind it is cut off, unless the seal says that it had been synced; any other
    // damage is CORRUPT_DATA with file and byte offset, and so is a log that does not begin or end where its
    // seal says; nothing is changed then. When no segment and no seal exists, the log starts at
    // `start_if_empty`.
    static Result<std::unique_ptr<PartitionLog>> open(
        FileSystem& files, std::string directory, TableId table, PartitionId partition,
        const LogOptions& options, Offset replay_from, Offset start_if_empty,
        const std::function<Result<void>(const StoredBatch&)>& replay, Recovered* recovered);

    // --- the writer, one thread at a time ---
    // A write or sync of log bytes that fails, or a directory that cannot be synced, fails the log: what was
    // not synced is cut off, and every later call here fails until the log is opened anew. Other errors leave
    // it as it was: DISK_FULL when a write finds no space, and errors of a change of segments, which append()
    // puts off (it goes on in the old segment meanwhile).

    // Appends batches whose headers are complete except base_offset and synced_end, which are assigned here
    // and written back; epochs must not fall. Rolls first when needed (the old segment is synced and its
    // index written). Not durable before sync().
    virtual Result<void> append(std::span<StoredBatch> batches) = 0;
    // Appends batches of another copy's log as they are there, base offsets and epochs included; only
    // synced_end is of this log, so that recovery may believe it. Checked before anything is written: table
    // and partition (INVALID_REQUEST), that they go on densely where this log ends (INVALID_REQUEST), epochs
    // that do not fall (STALE_EPOCH), sizes and the CRC of each body (CORRUPT_DATA). Not durable before
    // sync().
    virtual Result<void> append_given(std::span<const StoredBatch> batches) = 0;
    virtual Result<void> sync() = 0;
    // Closes the active segment if it holds anything.
    virtual Result<void> roll() = 0;
    // Syncs, and writes down where the log begins and ends (log_seal.h): from then on an open that finds less
    // is an error. `closing`: also that this is all of it, which the next append takes back, durably, before
    // it writes anything. Nothing is written when that is on the disk already, or of a log that never held
    // anything: its first append writes a seal before. A seal that cannot be written
    // is an error of the call and none of the log.
    enum class Seal : std::uint8_t { goes_on, closing };
    virtual Result<void> seal(Seal kind) = 0;
    // Removes the batches that reach beyond `offset` and those of epochs above `epoch`; returns the new end,
    // which is durable. After a crash on the way more may be left, never less, and never with a gap.
    // INVALID_REQUEST below first_offset(); CORRUPT_DATA when the batches before the cut cannot be read: then
    // nothing is changed.
    virtual Result<Offset> truncate_from(Offset offset, LeaderEpoch epoch) = 0;
    virtual bool failed() const = 0;
    // False: it failed and bytes that were never synced are still in its files, where a later reader of the
    // page cache would take them for synced.
    virtual bool failed_cleanly() const = 0;
    // Ends writing for good and lets go of the active file, which gives back what was allocated ahead of its
    // end: that must not happen later, when another owner may have appended to it. Writer calls fail from
    // here on, with UNAVAILABLE unless the log had failed before; reads go on.
    virtual void stop_writing() = 0;
};

}  // namespace dl::slave
