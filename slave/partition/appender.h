// The write path of one partition: a bounded queue, and one drain at a time on the storage pool that takes
// what is queued as a group: one append to the log, which gives the offsets, and one sync. With one copy that
// commits the group, and the drain applies and answers it; else both are done by whoever moves the high
// watermark beyond it, in the order of the log. append(), resume() and advance_high_watermark() from any
// thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "common/base/synchronized.h"
#include "slave/partition/append_group.h"
#include "slave/partition/applier.h"
#include "slave/partition/disk_reserve.h"
#include "slave/partition/wait_list.h"

namespace dl::slave {

class Appender {
  public:
    // Called on the storage pool: `segment_closed` when a segment can be flushed, `make_room` when the tail
    // has grown as large as it may.
    Appender(PartitionCore& core, std::shared_ptr<WaitList> waits, std::function<void()> segment_closed,
             std::function<void()> make_room);
    // What drains keep alive while they run; before the first append.
    void set_owner(std::weak_ptr<void> owner) { owner_ = std::move(owner); }

    void append(AppendRequest request, std::function<void(Result<AppendAck>)> done);
    // Records below `end` are committed: applies them and answers their requests, on this thread; waits for
    // a group that is being written. INVALID_REQUEST beyond what is synced here; an end known already does
    // nothing.
    Result<void> advance_high_watermark(Offset end);
    // The same at once and from any thread: applied on the storage pool, as far as it is synced here by then.
    void commit_up_to(Offset end);
    // What this copy does from now on (partition_copy.h).
    void set_part(CopyPart part, LeaderEpoch epoch, std::shared_ptr<CommitGate> gate);
    // Of a follower (partition_copy.h).
    Result<void> take_given(LeaderEpoch epoch, const std::vector<StoredBatch>& batches);
    Result<Offset> cut_given(LeaderEpoch epoch, Offset end, LeaderEpoch newest);
    // A flush has made room.
    void resume();
    // A flush failed: while the tail is full nothing can be taken, so what waits is answered.
    void flush_failed(const Error& error);
    // Why no write is taken any more.
    std::optional<Error> failure();
    // Refuses new appends, waits until those queued are written. What is not committed by then is answered
    // with UNKNOWN_OUTCOME.
    void close();

  private:
    struct Queue {
        std::deque<PendingAppend> waiting;
        std::size_t bytes = 0;  // of what waits and of the group under way
        bool draining = false;
        bool closing = false;
        std::optional<Error> failed;  // out of service for writes
        bool idle() const { return !draining && waiting.empty(); }
    };
    void post_drain();
    void drain();
    void write_group(std::vector<PendingAppend> requests);
    // What became of the high watermark's move: to be told once the exclusion is given back.
    struct Outcome {
        std::vector<UnansweredGroup> answered;
        bool segment_closed = false;
        std::optional<Error> failure;  // the partition left service; the groups' errors say so too
    };
    // The part of write_group that holds the exclusion. After an error `requests` are still there.
    Result<Outcome> commit_group(std::vector<PendingAppend>& requests);
    Result<std::vector<StoredBatch>> encode(WriterExclusion::Hold& hold, const TableMeta& table,
                                            const AppendGroup& group);
    // Applies up to the high watermark `end` and takes what that answers.
    Outcome apply(WriterExclusion::Hold& hold, Offset end);
    void finish(Outcome outcome);
    Result<void> check_disk(std::size_t bytes);
    // Of a follower: OVERLOADED when rows of its own that can be flushed fill the memory for them; that is
    // asked for then.
    Result<void> check_tail();
    // Takes the partition out of service for writes; what every request gets from now on.
    Error fail_service(const Error& error);
    // INV-1: what is committed once the log is synced up to `end`.
    Offset committed_at(Offset end) const;
    void commit_wanted();
    Result<void> check_follows(LeaderEpoch epoch) const;
    Result<void> write_given(WriterExclusion::Hold& hold, const std::vector<StoredBatch>& batches);
    bool tail_is_full() const;
    // Too much waits for other copies: a flush does not help.
    bool waits_for_copies() const;
    // Bytes the next group may have; 0: it waits.
    std::uint64_t tail_room() const;

    PartitionCore& core_;
    Applier applier_;
    std::shared_ptr<WaitList> waits_;
    std::function<void()> segment_closed_;
    std::function<void()> make_room_;
    std::weak_ptr<void> owner_;

    Synchronized<Queue> queue_;
    std::condition_variable idle_;
    bool closed_ = false;  // with the exclusion held

    std::shared_ptr<DiskReserve> disk_;
    std::atomic<Offset> commit_wanted_{0};
    std::atomic<bool> commit_posted_{false};
};

}  // namespace dl::slave
