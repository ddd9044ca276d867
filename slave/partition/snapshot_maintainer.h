// Flush of one partition: schedules it on the background pool, runs one at a time, and makes its files the
// partition's (on disk by the publisher, in memory between two groups of the writer).
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <optional>

#include "common/base/fair_mutex.h"
#include "common/base/synchronized.h"
#include "slave/partition/appender.h"
#include "slave/partition/partition_core.h"
#include "slave/snapshot/snapshot_file.h"

namespace dl::slave {

class SnapshotMaintainer {
  public:
    SnapshotMaintainer(PartitionCore& core, Appender& appender) : core_(core), appender_(appender) {}
    void set_owner(std::weak_ptr<void> owner) { owner_ = std::move(owner); }

    // Called on the background pool after a flush; before the first.
    void set_flushed(std::function<void()> flushed) { flushed_ = std::move(flushed); }

    // Any thread, returns at once.
    void schedule_flush();
    // The same, and when no segment is closed yet the active one is: its memory is wanted. Shortly after a
    // flush that failed the writers that wait are told so instead of writing much in vain.
    void make_room();
    // Every now and then: tries again what failed. Returns when to call it again (Partition::tick()).
    UpkeepList::Clock::time_point retry_failed(UpkeepList::Clock::time_point now);
    // Closes the active segment of log and tail if it has rows, so that flush_closed_segments() takes it.
    Result<void> close_active_segment();
    // Flushes the closed segments that begin below `until`, on this thread.
    Result<void> flush_closed_segments(Offset until);
    // Waits for what runs; later calls get UNAVAILABLE.
    void close();

  private:
    void resume_writers();
    void note_flush(const Result<void>& flushed);
    Result<void> roll_if_wanted();
    // close_active_segment() for who holds the exclusion.
    Result<void> close_active_held(WriterExclusion::Hold& hold);
    Result<void> flush_segment(const std::shared_ptr<const TailSegment>& segment);
    Result<void> commit_flush(const std::shared_ptr<const TailSegment>& segment,
                              std::shared_ptr<const SnapshotFile> file);

    PartitionCore& core_;
    Appender& appender_;
    std::weak_ptr<void> owner_;
    std::function<void()> flushed_;
    // One flush at a time; taken before the core's locks. Small flushes that follow each other must not keep
    // a compaction waiting, which flushes first.
    FairMutex flush_mutex_;
    struct Schedule {
        bool flush_scheduled = false;
        bool closing = false;
        bool roll_wanted = false;
        int running = 0;               // background tasks
        std::optional<Error> failure;  // of the last flush
        std::chrono::steady_clock::time_point failed_at{};
    };
    Synchronized<Schedule> schedule_;
    std::condition_variable changed_;
};

}  // namespace dl::slave
