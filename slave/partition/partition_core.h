// What the parts of one partition share: configuration, log, published state and the locks between them.
//
// Locks, always taken in this order: files_mutex (a compaction or the repair of a file), a Commit (one flush,
// compaction or repair makes its files the partition's), a Hold of the exclusion (one thread appends, applies
// or exchanges files), the state's own. What they guard can be reached through them only.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "slave/compaction/history_clock.h"
#include "slave/partition/commit_gate.h"
#include "slave/partition/earlier_states.h"
#include "slave/partition/log_progress.h"
#include "slave/partition/partition.h"
#include "slave/partition/tail_budget.h"
#include "slave/partition/upkeep_list.h"
#include "slave/partition/writer_exclusion.h"
#include "slave/snapshot/file_set.h"
#include "slave/snapshot/snapshot_publisher.h"

namespace dl::slave {

// Everything a view sees, of one instant. Immutable.
struct PartitionState {
    Offset end_offset = 0;
    std::shared_ptr<const FileSet> files;
    std::shared_ptr<const TailSnapshot> tail;
};

struct PartitionCounters {
    std::atomic<std::uint64_t> appends{0}, appended_rows{0}, syncs{0}, flushes{0}, compactions{0}, joins{0};
    std::atomic<std::uint64_t> scrubbed_bytes{0}, scrub_findings{0};
};

class PartitionCore {
  public:
    // The right to change the manifest.
    class Commit {
      public:
        SnapshotPublisher* operator->() const { return publisher_; }

      private:
        friend class PartitionCore;
        Commit(std::mutex& mutex, SnapshotPublisher& publisher) : lock_(mutex), publisher_(&publisher) {}
        std::unique_lock<std::mutex> lock_;
        SnapshotPublisher* publisher_;
    };

    PartitionCore(std::string directory_in, const TableMeta& table, PartitionId id_in, LeaderEpoch epoch,
                  const PartitionOptions& options_in, const PartitionContext& context_in);

    std::string log_directory() const { return directory + "/log"; }
    std::string snapshots() const { return snapshots_directory(directory); }
    // "partition 3 of table flights", for messages.
    std::string label() const;

    std::shared_ptr<const TableMeta> table() const;
    // Ignored when older than what is known.
    void update_table(const TableMeta& table);

    LeaderEpoch epoch() const { return LeaderEpoch{epoch_.load(std::memory_order_acquire)}; }
    // Never falls. Held: nothing is being appended in an older one when it returns.
    void set_epoch(WriterExclusion::Hold& hold, LeaderEpoch epoch);
    // NOT_LEADER when a request names another one (INV-8), or when this copy does not lead.
    Result<void> check_epoch(LeaderEpoch named) const;

    CopyPart part() const { return part_.load(std::memory_order_acquire); }
    // Of a leader among several copies; else nullptr.
    std::shared_ptr<CommitGate> gate() const;
    void set_part(WriterExclusion::Hold& hold, CopyPart part, std::shared_ptr<CommitGate> gate);

    std::shared_ptr<const PartitionState> state() const;
    // The holder may show another state: no shorter, and not beyond the high watermark.
    void publish(WriterExclusion::Hold& hold, std::shared_ptr<const PartitionState> state);

    const LogProgress& progress() const { return progress_; }
    SharedLog& log() const { return *log_; }
    // Any thread: its manifest and the names of new files.
    const SnapshotPublisher& publisher() const { return *publisher_; }
    [[nodiscard]] Commit begin_commit() { return {commit_mutex_, *publisher_}; }

    // Of recovery: what the partition serves from, before it is shared.
    void set_log(WriterExclusion::Hold& hold, std::unique_ptr<PartitionLog> log);
    void set_publisher(std::unique_ptr<SnapshotPublisher> publisher) { publisher_ = std::move(publisher); }

    // After the tail, what is unapplied or the batch ids in memory grew or shrank: for the limits on them.
    void note_tail_bytes(WriterExclusion::Hold& hold);

    // Behind what changes what a tick has to do, other than under the exclusion, which wakes by itself.
    void wake() const {
        if (upkeep_ != nullptr) upkeep_->wake();
    }
    // The partition can be ticked; before it is shared.
    void join_upkeep(std::weak_ptr<Partition> self);
    // nullptr: nobody is told. Valid as long as it is held.
    const std::shared_ptr<UpkeepList::Member>& upkeep() const { return upkeep_; }

    // Syncs the log from `from` on. Without a sync per append, a persisted mark could outlive the record that
    // made it; with it this has nothing to do.
    Result<void> make_log_durable(Offset from) const;

    const std::string directory;
    const PartitionId id;
    const PartitionOptions options;
    const PartitionContext context;

    // Of who replaces files by others, from choosing the old ones to the commit.
    std::timed_mutex files_mutex;
    std::mutex index_mutex;  // of who rebuilds a key index; taken last

  private:
    LogProgress progress_;

  public:
    WriterExclusion exclusion{progress_};
    EarlierStates earlier;
    mutable HistoryClock history_clock;
    PartitionCounters counters;
    std::uint32_t accepted_losses = 0;  // losses_digest(); of the recovery, then it stays
    std::atomic<std::uint64_t> tail_resident_bytes{0};
    std::atomic<std::uint64_t> unapplied_bytes{0};  // in the log, not committed yet
    // Of the remembered batches; expires_at_us: when a file of them
    // may be let go, by context.uptime_us; 0: there is none.
    struct BatchIdFigures {
        std::atomic<std::uint64_t> ids{0}, table_bytes{0}, index_bytes{0}, file_bytes{0};
        std::atomic<std::int64_t> expires_at_us{0};
    } batch_id_figures;
    // A key index was found damaged and rebuilt: what was derived with it is to be derived anew.
    std::atomic<bool> derived_doubted{false};
    std::shared_ptr<TailBudget::Member> tail_share;  // nullptr: no common limit

  private:
    std::atomic<std::uint32_t> epoch_;
    std::atomic<CopyPart> part_;
    std::mutex commit_mutex_;
    std::unique_ptr<SnapshotPublisher> publisher_;
    SharedLog* log_ = nullptr;  // the exclusion's
    std::shared_ptr<UpkeepList::Member> upkeep_;

    mutable std::mutex mutex_;
    std::shared_ptr<const TableMeta> table_;
    std::shared_ptr<const PartitionState> state_;
    std::shared_ptr<CommitGate> gate_;
};

}  // namespace dl::slave
