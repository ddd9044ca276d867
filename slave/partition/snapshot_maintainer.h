// Flush and compaction of one partition: schedules them on the background pool, runs one of each at a time,
// and makes their files the partition's (on disk by the publisher, in memory between two groups of the
// writer).
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "slave/compaction/compaction_job.h"
#include "slave/partition/partition_core.h"
#include "slave/partition/partition_writer.h"

namespace dl::slave {

class SnapshotMaintainer {
  public:
    SnapshotMaintainer(PartitionCore& core, PartitionWriter& writer) : core_(core), writer_(writer) {}
    void set_owner(std::weak_ptr<void> owner) { owner_ = std::move(owner); }

    // Any thread, returns at once.
    void schedule_flush();
    // Flushes the closed segments that begin below `until`, on this thread.
    Result<void> flush_closed_segments(Offset until);
    // Runs on the background pool, waits here; calls join a run that is under way. `progress` is called on
    // this thread.
    Result<void> compress(const std::function<void(const CompressProgress&)>& progress);
    // Stops a compaction, waits for what runs; later calls get UNAVAILABLE.
    void close();

  private:
    struct Run {
        bool done = false;
        Result<void> result;
        std::shared_ptr<CompactionJob> job;
    };
    Result<void> flush_segment(const std::shared_ptr<const TailSegment>& segment);
    Result<void> commit_flush(const std::shared_ptr<const TailSegment>& segment,
                              std::shared_ptr<const SnapshotFile> file);
    Result<void> run_compaction(Run& run);
    Result<void> commit_compaction(const CompactionOutput& output, Offset range_end);
    Result<std::uint64_t> write_batch_ids(Offset below);

    PartitionCore& core_;
    PartitionWriter& writer_;
    std::weak_ptr<void> owner_;
    std::mutex flush_mutex_;  // one flush at a time; taken before the core's locks
    std::mutex mutex_;        // of what follows
    std::condition_variable changed_;
    bool flush_scheduled_ = false;
    bool closing_ = false;
    int running_ = 0;           // background tasks
    std::shared_ptr<Run> run_;  // the compaction under way
};

}  // namespace dl::slave
