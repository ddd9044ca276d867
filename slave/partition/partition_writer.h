// The write path of one partition: a bounded queue, and one drain at a time on the storage pool that takes
// what is queued as a group: one append to the log, one sync, then tail and index, then the visible end moves
// and everybody is answered. append() and resume() from any thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "slave/partition/append_group.h"
#include "slave/partition/partition_core.h"
#include "slave/partition/wait_list.h"

namespace dl::slave {

class PartitionWriter {
  public:
    // Called on the storage pool: `segment_closed` when the log has closed a segment, `make_room` when the
    // tail has grown as large as it may.
    PartitionWriter(PartitionCore& core, std::shared_ptr<WaitList> waits,
                    std::function<void()> segment_closed, std::function<void()> make_room);
    // What drains keep alive while they run; before the first append.
    void set_owner(std::weak_ptr<void> owner) { owner_ = std::move(owner); }

    void append(AppendRequest request, std::function<void(Result<AppendAck>)> done);
    // A flush has made room.
    void resume();
    // A flush failed: while the tail is full nothing can be taken, so what waits is answered.
    void flush_failed(const Error& error);
    // Refuses new appends, waits until those queued are answered.
    void close();

  private:
    void post_drain();
    void drain();
    void write_group(std::vector<PendingAppend>& requests);
    // The parts of write_group that hold the exclusion.
    Result<AppendGroup> commit_group(const std::vector<PendingAppend>& requests,
                                     std::vector<Offset>* base_offsets);
    Result<void> check_disk(std::size_t bytes);
    void answer(std::vector<PendingAppend>& requests, const AppendGroup& group,
                const std::vector<Offset>& base_offsets);
    void fail_service(const Error& error);
    bool tail_is_full() const;
    // Bytes the next group may have; 0: it waits.
    std::uint64_t tail_room() const;

    PartitionCore& core_;
    std::shared_ptr<WaitList> waits_;
    std::function<void()> segment_closed_;
    std::function<void()> make_room_;
    std::weak_ptr<void> owner_;

    std::mutex mutex_;
    std::condition_variable idle_;
    std::deque<PendingAppend> queue_;
    std::size_t queued_bytes_ = 0;
    bool draining_ = false;
    bool closing_ = false;
    std::optional<Error> failed_;  // out of service for writes

    // Of the drain alone.
    std::int64_t disk_checked_us_ = 0;
    std::uint64_t bytes_since_disk_check_ = 0;
    std::uint64_t free_disk_bytes_ = 0;
    std::optional<Offset> last_segment_;
};

}  // namespace dl::slave
