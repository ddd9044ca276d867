// One partition of one table on this node: its log, tail, key index and snapshots behind one face. It
// coordinates and decides nothing itself: writing is PartitionWriter, reading ReadView, flushing FlushJob,
// compaction CompactionJob.
//
// Threads: every call from any thread. append() returns at once and completes on the storage pool; pin()
// takes a short lock; read(), compress(), check() and close() block (storage, query or background pool).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/async/worker_pool.h"
#include "common/base/limits.h"
#include "common/duck/duck_database.h"
#include "common/io/file_system.h"
#include "common/meta/table_meta.h"
#include "common/record/record_batch.h"
#include "slave/compaction/compaction_policy.h"
#include "slave/partition/read_view.h"

namespace dl::slave {

class ChunkGuideCache;
class IoBudget;
class TailBudget;

struct PartitionOptions {
    std::uint64_t segment_bytes = 64u << 20;
    std::uint32_t retained_closed_logs = 1;  // closed segments compress_table leaves besides the active one
    bool sync = true;  // false: acknowledged without fdatasync (named in the meta frame)
    BodyCodec codec = BodyCodec::none;
    std::uint64_t free_disk_bytes_min = 256u << 20;  // writes are refused with DISK_FULL below
    std::size_t append_queue_bytes_max = limits::append_queue_bytes_max;  // OVERLOADED beyond
    CompactionPolicy compaction;
    // For so long after a compaction cuts from before it can be pinned; its inputs stay on the disk
    // meanwhile.
    std::chrono::milliseconds compaction_history{0};
};

// What a partition shares with the others of its node. All outlive it.
struct PartitionContext {
    FileSystem* files = nullptr;
    WorkerPool* storage_pool = nullptr;           // appends, syncs, applying
    WorkerPool* background_pool = nullptr;        // flush
    WorkerPool* compaction_pool = nullptr;        // nullptr: the background pool
    std::shared_ptr<DuckDatabase> file_database;  // file_duck_database(), for reads of files
    // Another one of compactions alone, which must not take threads and memory from those.
    std::shared_ptr<DuckDatabase> compaction_database;
    IoBudget* compaction_budget = nullptr;    // nullptr: no limit
    TailBudget* tail_budget = nullptr;        // nullptr: no limit
    ChunkGuideCache* chunk_guides = nullptr;  // for lookups by key; nullptr: nothing is kept between them
    std::function<std::int64_t()> now_us;     // wall clock, microseconds UTC
};

struct AppendRequest {
    SharedBytes body;   // encoded ColumnBatch, already decoded once by the caller's checks
    ColumnBatch batch;  // the decoded view of body
    std::uint32_t body_crc = 0;
    SchemaId schema;
    Hash128 batch_id;  // {0,0}: none
};

struct AppendAck {
    Offset first = 0;
    Offset last = 0;
    bool duplicate = false;  // the batch id was applied before; first/last are those of then
};

// A contiguous run of records for stream_read, in offset order.
struct ReadSlice {
    RecordBatchHeader
        header;  // base_offset and count of the batch as stored; for compacted history a made-up header
    SharedBytes stored_body;  // as in the log (pass-through); encoded anew for compacted history
    ColumnBatch batch;        // decoded
    std::vector<Offset>
        offsets;  // empty: dense from header.base_offset; else one per row (compacted history)
    std::vector<std::int64_t> append_times_us;  // empty: header.append_time_us; else one per row
    std::uint32_t first_row = 0;                // rows [first_row, end_row) are asked for
    std::uint32_t end_row = 0;
    Offset offset_of(std::uint32_t row) const {
        return offsets.empty() ? header.base_offset + row : offsets[row];
    }
    std::int64_t append_time_us_of(std::uint32_t row) const {
        return append_times_us.empty() ? header.append_time_us : append_times_us[row];
    }
};

struct CompressProgress {
    std::uint64_t rows_done = 0, rows_total = 0, bytes_done = 0;
};

struct CheckOptions {
    bool repair = false;  // rebuilds the key indexes and delete vectors that differ
    std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
    std::function<bool()> stop;  // asked often, from the checking thread; empty: never
};

// Of one cut, recomputed from what is stored.
struct CheckReport {
    std::uint64_t live_rows = 0;  // keys whose newest record is an insert
    std::uint64_t records = 0;    // stored
    std::uint64_t bytes = 0;      // of log and files
    std::uint64_t hash = 0;       // of (key hash, offset) of the live rows, in no order
    std::vector<std::string> problems;
};

struct PartitionStats {
    Offset first_offset = 0, end_offset = 0, flushed_end = 0;
    std::uint64_t segments = 0, log_bytes = 0, files = 0, file_rows = 0, file_dead_rows = 0, file_bytes = 0;
    std::uint64_t tail_rows = 0, tail_bytes = 0;
    // Key tables and replaced marks of the tail, and delete vectors; key indexes of files.
    std::uint64_t index_bytes_resident = 0, index_bytes_mapped = 0;
    std::uint64_t appends = 0, appended_rows = 0, syncs = 0, flushes = 0, compactions = 0;
};

class Partition {
  public:
    // Creates the directory of a new partition (an existing one is an error TABLE_EXISTS).
    static Result<void> create(FileSystem& files, const std::string& directory, const TableMeta& table,
                               PartitionId id);
    // Recovers: manifest, files, log from the last flush on; drops a torn tail; CORRUPT_DATA for damage in
    // the middle.
    static Result<std::shared_ptr<Partition>> open(std::string directory, const TableMeta& table,
                                                   PartitionId id, const PartitionOptions& options,
                                                   const PartitionContext& context,
                                                   LeaderEpoch epoch = LeaderEpoch{1});
    virtual ~Partition() = default;

    // `done` runs once, on the storage pool, after the rows are synced, applied and visible, or with an
    // error: OVERLOADED (queue full), DISK_FULL, IO_ERROR (the partition has left service), UNAVAILABLE
    // (closing).
    virtual void append(AppendRequest request, std::function<void(Result<AppendAck>)> done) = 0;

    // A consistent cut of now; holds files and chunks for as long as it lives.
    virtual std::shared_ptr<const ReadView> pin() const = 0;
    // The cut of when the log ended at `cut`: the same rows as a pin() of then. Blocking. INVALID_REQUEST
    // beyond the end; NOT_FOUND below the end of the last compaction. Both say what is possible.
    virtual Result<std::shared_ptr<const ReadView>> pin_at(Offset cut) const = 0;

    virtual Offset first_offset() const = 0;  // of the oldest stored record; = end_offset when empty
    virtual Offset end_offset() const = 0;    // of the next record: everything below is synced and visible

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

    // Called every few seconds: lets go of what is held for a while only, compacts when nobody writes.
    // Removes files, does not wait for a compaction.
    virtual void tick() {}
    virtual void update_table(const TableMeta& table) = 0;
    // What is appended from now on carries this epoch; older ones are ignored. The caller has made it
    // durable.
    virtual void set_leader_epoch(LeaderEpoch epoch) = 0;
    virtual PartitionStats stats() const = 0;
    // Drains appends, syncs, closes files. Idempotent; later calls get UNAVAILABLE.
    virtual void close() = 0;
};

}  // namespace dl::slave
