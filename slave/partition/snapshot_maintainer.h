// Flush of one partition: schedules it on the background pool, runs one at a time, and makes its files the
// partition's (on disk by the publisher, in memory between two groups of the writer).
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "slave/partition/partition_core.h"
#include "slave/partition/partition_writer.h"
#include "slave/snapshot/snapshot_file.h"

namespace dl::slave {

class SnapshotMaintainer {
  public:
    SnapshotMaintainer(PartitionCore& core, PartitionWriter& writer) : core_(core), writer_(writer) {}
    void set_owner(std::weak_ptr<void> owner) { owner_ = std::move(owner); }

    // Called on the background pool after a flush; before the first.
    void set_flushed(std::function<void()> flushed) { flushed_ = std::move(flushed); }

    // Any thread, returns at once.
    void schedule_flush();
    // The same, and when no segment is closed yet the active one is: its memory is wanted.
    void make_room();
    // Closes the active segment of log and tail if it has rows, so that flush_closed_segments() takes it.
    Result<void> close_active_segment();
    // Flushes the closed segments that begin below `until`, on this thread.
    Result<void> flush_closed_segments(Offset until);
    // Waits for what runs; later calls get UNAVAILABLE.
    void close();

  private:
    void resume_writers();
    Result<void> roll_if_wanted();
    // close_active_segment() for who holds the exclusion.
    Result<void> close_active_held();
    Result<void> flush_segment(const std::shared_ptr<const TailSegment>& segment);
    Result<void> commit_flush(const std::shared_ptr<const TailSegment>& segment,
                              std::shared_ptr<const SnapshotFile> file);

    PartitionCore& core_;
    PartitionWriter& writer_;
    std::weak_ptr<void> owner_;
    std::function<void()> flushed_;
    std::mutex flush_mutex_;  // one flush at a time; taken before the core's locks
    std::mutex mutex_;        // of what follows
    std::condition_variable changed_;
    bool flush_scheduled_ = false;
    bool closing_ = false;
    bool roll_wanted_ = false;
    int running_ = 0;  // background tasks
};

}  // namespace dl::slave
