// What the parts of one partition share: configuration, log, tail, published state and the locks between
// them.
//
// Locks, always taken in this order: commit_mutex (one flush or compaction makes its files the partition's),
// exclusion (log, tail and batch ids: the writer for one group of appends, or a commit between two groups),
// the state's own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "slave/index/tail.h"
#include "slave/partition/batch_id_window.h"
#include "slave/partition/earlier_states.h"
#include "slave/partition/partition.h"
#include "slave/partition/tail_budget.h"
#include "slave/snapshot/file_set.h"
#include "slave/snapshot/snapshot_publisher.h"

namespace dl::slave {

// Everything a view sees, of one instant. Immutable.
struct PartitionState {
    Offset end_offset = 0;
    std::shared_ptr<const FileSet> files;
    std::shared_ptr<const TailSnapshot> tail;
};

// Mutual exclusion between the writer, which comes back for every group, and commits, which go first when
// they wait.
class WriterExclusion {
  public:
    class Hold {
      public:
        explicit Hold(WriterExclusion& owner) : owner_(&owner) {}
        Hold(Hold&& other) noexcept : owner_(other.owner_) { other.owner_ = nullptr; }
        Hold(const Hold&) = delete;
        Hold& operator=(const Hold&) = delete;
        ~Hold() {
            if (owner_ != nullptr) owner_->release();
        }

      private:
        WriterExclusion* owner_;
    };
    [[nodiscard]] Hold for_group();
    [[nodiscard]] Hold for_commit();

  private:
    void release();
    std::mutex mutex_;
    std::condition_variable free_;
    bool held_ = false;
    int commits_waiting_ = 0;
};

struct PartitionCounters {
    std::atomic<std::uint64_t> appends{0}, appended_rows{0}, syncs{0}, flushes{0}, compactions{0};
};

class PartitionCore {
  public:
    PartitionCore(std::string directory_in, const TableMeta& table, PartitionId id_in,
                  const PartitionOptions& options_in, const PartitionContext& context_in);

    std::string log_directory() const { return directory + "/log"; }
    std::string snapshots() const { return snapshots_directory(directory); }
    // "partition 3 of table flights", for messages.
    std::string label() const;

    std::shared_ptr<const TableMeta> table() const;
    // Ignored when older than what is known.
    void update_table(const TableMeta& table);
    LeaderEpoch epoch() const { return LeaderEpoch{epoch_}; }
    // Older ones are ignored.
    void set_leader_epoch(LeaderEpoch epoch);

    std::shared_ptr<const PartitionState> state() const;
    void publish(std::shared_ptr<const PartitionState> state);

    // Puts batches that are in the log into tail and index and publishes them. Under the exclusion, or before
    // the partition is shared. `hashes` are those of the keys, by batch.
    struct Applied {
        RecordBatchHeader header;
        ColumnBatch batch;
        std::vector<Hash128> hashes;
    };
    Result<void> apply(std::span<const Applied> batches);

    // After the tail grew or shrank: for the limits on its memory.
    void note_tail_bytes();

    // Syncs the log from `from` on. Without a sync per append, a persisted mark could outlive the record that
    // made it; with it this has nothing to do.
    Result<void> make_log_durable(Offset from) const;

    const std::string directory;
    const PartitionId id;
    const PartitionOptions options;
    const PartitionContext context;

    std::mutex commit_mutex;
    WriterExclusion exclusion;
    std::unique_ptr<PartitionLog> log;     // its writer calls: under the exclusion
    Tail tail{0};                          // under the exclusion
    BatchIdWindow batch_ids;               // under the exclusion
    std::int64_t last_append_time_us = 0;  // under the exclusion
    std::unique_ptr<SnapshotPublisher> publisher;
    EarlierStates earlier;
    PartitionCounters counters;
    std::atomic<std::uint64_t> tail_resident_bytes{0};
    std::shared_ptr<TailBudget::Member> tail_share;  // nullptr: no common limit

  private:
    void follow_segments(Offset next, const std::vector<SegmentInfo>& segments);

    std::atomic<std::uint32_t> epoch_{1};
    mutable std::mutex mutex_;
    std::shared_ptr<const TableMeta> table_;
    std::shared_ptr<const PartitionState> state_;
};

}  // namespace dl::slave
