// One partition of one table on this node: its log, tail, key index and snapshots behind one face. It
// coordinates and decides nothing itself: writing is Appender and Applier, reading ReadView,
// flushing FlushJob, compaction CompactionJob.
//
// Threads: every call from any thread. append() returns at once and completes on the storage pool; pin()
// takes a short lock; read(), compress(), check() and close() block (storage, query or background pool).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/meta/table_meta.h"
#include "slave/log/log_salvage.h"
#include "slave/partition/append_request.h"
#include "slave/partition/check_report.h"
#include "slave/partition/partition_copy.h"
#include "slave/partition/partition_options.h"
#include "slave/partition/partition_stats.h"
#include "slave/partition/read_slice.h"
#include "slave/partition/read_view.h"
#include "slave/partition/scrub.h"
#include "slave/partition/upkeep_list.h"

namespace dl::slave {

class Partition {
  public:
    // Creates the directory of a new partition (an existing one is an error TABLE_EXISTS).
    static Result<void> create(FileSystem& files, const std::string& directory, const TableMeta& table,
                               PartitionId id);
    // Recovers: manifest, files, log from the last flush on; drops a torn tail; CORRUPT_DATA for damage in
    // the middle. `epoch` is the newest known elsewhere; if the log knows a newer one, that one holds.
    static Result<std::shared_ptr<Partition>> open(std::string directory, const TableMeta& table,
                                                   PartitionId id, const PartitionOptions& options,
                                                   const PartitionContext& context,
                                                   LeaderEpoch epoch = LeaderEpoch{1});
    // For a partition that open() refuses because acknowledged records are gone from its log: which they are,
    // and with `accept` it opens without them from then on (loss_acceptance.h). INVALID_REQUEST when nothing
    // is provably gone.
    static Result<std::vector<LostRange>> lost_records(std::string directory, const TableMeta& table,
                                                       PartitionId id, const PartitionOptions& options,
                                                       const PartitionContext& context, bool accept);
    virtual ~Partition() = default;

    // `done` runs once, on the storage pool, after the rows are synced, applied and visible, or with an
    // error: OVERLOADED (queue full), DISK_FULL, IO_ERROR (the partition has left service), NOT_LEADER (the
    // request names another epoch), UNAVAILABLE (closing).
    virtual void append(AppendRequest request, std::function<void(Result<AppendAck>)> done) = 0;

    // Never falls: an older one is ignored. Nothing is appended in the epoch before when it returns, so it
    // may wait for a group that is being written. Who calls it has made the epoch durable.
    virtual void set_leader_epoch(LeaderEpoch epoch) = 0;
    virtual LeaderEpoch leader_epoch() const = 0;
    // For reads and pins, before them: NOT_LEADER unless it leads in that epoch and may serve.
    virtual Result<void> check_epoch(LeaderEpoch named) const = 0;
    // As one of several copies; lives as long as the partition.
    virtual PartitionCopy* copy() { return nullptr; }
    // With PartitionOptions::synced_is_committed off: records below `end` are committed. Applies them and
    // answers their requests on this thread; blocks. INVALID_REQUEST beyond what is synced here.
    virtual Result<void> advance_high_watermark(Offset end) = 0;

    // A consistent cut of now; holds files and chunks for as long as it lives.
    virtual std::shared_ptr<const ReadView> pin() const = 0;
    // The cut of when the log ended at `cut`: the same rows as a pin() of then. Blocking. INVALID_REQUEST
    // beyond the end; NOT_FOUND below the end of the last compaction. Both say what is possible.
    virtual Result<std::shared_ptr<const ReadView>> pin_at(Offset cut) const = 0;

    virtual Offset first_offset() const = 0;  // of the oldest stored record; = end_offset when empty
    // From here on every record is stored, deletes and replaced ones too; below, what compaction has left.
    virtual Offset history_start() const = 0;
    // Of the first record appended at or after `time_us` (microseconds UTC), as far as the clock of the node
    // never went back; end_offset() when there is none. Blocking: log and files.
    virtual Result<Offset> offset_for_time(std::int64_t time_us) const = 0;
    // Behind the last visible record: everything below is synced, committed and applied.
    virtual Offset end_offset() const = 0;

    // Records from `from` on, up to max_rows rows and about max_bytes of bodies (at least one record while
    // there is one). Blocking: log or compacted files.
    virtual Result<std::vector<ReadSlice>> read(Offset from, std::uint64_t max_rows,
                                                std::uint64_t max_bytes) const = 0;

    // Calls `wake` once, on any thread, as soon as end_offset() > beyond; at once if it is already.
    // The returned token unsubscribes when destroyed.
    virtual std::shared_ptr<void> notify_beyond(Offset beyond, std::function<void()> wake) = 0;

    // Compacts on the compaction pool. Online; concurrent calls share one run. Returns at once; `done` is
    // called once, on that pool, or here with UNAVAILABLE when the partition closes.
    virtual void start_compress(std::function<void(Result<void>)> done) = 0;
    // Of the run under way, else of the last one.
    virtual CompressProgress compress_progress() const = 0;
    // The same, and waits; `progress` is called on this thread.
    Result<void> compress(const std::function<void(const CompressProgress&)>& progress);
    // Blocks until every closed segment is flushed (tests, shutdown).
    virtual Result<void> flush() = 0;

    // Reads everything stored and compares it with itself (partition_checker.h). Blocks (query pool); online.
    // TIMEOUT, CANCELLED; what is wrong with the data is in the report.
    virtual Result<CheckReport> check(const CheckOptions& options) = 0;

    // Reads all it has on the disk and compares it with its checksums (scrub.h). Blocking, for as long as the
    // budget takes; online.
    virtual Result<ScrubReport> scrub(const ScrubOptions&) { return ScrubReport{}; }

    // Why it takes no writes any more, though it serves reads: a write or sync of its log failed. nullopt: it
    // does.
    virtual std::optional<Error> write_failure() const { return std::nullopt; }
    // After that: whether the disk takes and syncs writes again and nothing is left of the one that failed,
    // so that who owns the partition may close it and open another one in its place. Blocks.
    virtual bool can_be_reopened() { return false; }

    // Lets go of what is held for a while only, compacts when nobody writes, seals a log at rest. Removes
    // files, does not wait for a compaction. One call at a time, as often as upkeep_list.h says: every second
    // while something goes on. Returns when it is to be called again, unless the partition is woken before;
    // UpkeepList::kAtRest: there is no such time.
    virtual UpkeepList::Clock::time_point tick() { return UpkeepList::kAtRest; }
    virtual void update_table(const TableMeta& table) = 0;
    virtual PartitionStats stats() const = 0;
    // Drains appends, syncs, closes files. Idempotent; later calls get UNAVAILABLE.
    virtual void close() = 0;
};

}  // namespace dl::slave
