// How a partition behaves, and what it shares with the others of its node.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "common/async/worker_pool.h"
#include "common/base/limits.h"
#include "common/duck/duck_database.h"
#include "common/io/file_system.h"
#include "common/record/record_batch.h"
#include "slave/compaction/compaction_policy.h"

namespace dl::slave {

class BatchIdBudget;
class ChunkGuideCache;
class DiskReserve;
class IoBudget;
class TailBudget;
class UpkeepList;

struct PartitionOptions {
    std::uint64_t segment_bytes = 64u << 20;
    std::uint32_t retained_closed_logs = 1;  // closed segments compress_table leaves besides the active one
    bool pack_log = true;                    // log files of the history are compressed
    bool sync = true;  // false: acknowledged without fdatasync (named in the meta frame)
    // One copy: what is synced is committed. False: advance_high_watermark() says what is.
    bool synced_is_committed = true;
    // Column files and key indexes are compared with their checksums before the partition opens; false: when
    // they are used, and by a scrub of those that nobody has used.
    bool files_proven_at_open = true;
    BodyCodec codec = BodyCodec::none;
    std::uint64_t free_disk_bytes_min = 256u << 20;  // writes are refused with DISK_FULL below
    std::size_t append_queue_bytes_max = limits::append_queue_bytes_max;  // OVERLOADED beyond
    CompactionPolicy compaction;
    // For so long after a compaction cuts from before it can be pinned; its inputs stay on the disk
    // meanwhile.
    std::chrono::milliseconds compaction_history{0};
    // A batch with an id is remembered for at least so long after it was applied.
    std::chrono::milliseconds batch_id_window{limits::batch_id_window_ms_default};
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
    IoBudget* compaction_budget = nullptr;      // nullptr: no limit
    TailBudget* tail_budget = nullptr;          // nullptr: no limit
    std::shared_ptr<DiskReserve> disk_reserve;  // of the partition's disk; nullptr: one of its own
    ChunkGuideCache* chunk_guides = nullptr;    // for lookups by key; nullptr: nothing is kept between them
    BatchIdBudget* batch_id_budget = nullptr;   // nullptr: no limit
    std::shared_ptr<UpkeepList> upkeep;         // of the partition's disk; nullptr: it is ticked anyhow
    std::function<std::int64_t()> now_us;       // wall clock, microseconds UTC
    std::function<std::int64_t()> uptime_us;    // never goes back; empty: the steady clock
};

}  // namespace dl::slave
