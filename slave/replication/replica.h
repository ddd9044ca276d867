// One partition of this node that has copies elsewhere: what it was told, and its part in it. As a leader it
// hears how far followers are, and says what is committed; as a follower it takes what was fetched for it.
// Thread-safe; what blocks says so.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/rpc/messages/copy_messages.h"
#include "common/rpc/messages/replica_messages.h"
#include "slave/replication/commit_tracker.h"
#include "slave/replication/copy_store.h"
#include "slave/replication/lease.h"
#include "slave/replication/recent_batches.h"
#include "slave/replication/unsettled_replicas.h"

namespace dl::slave {

// Who is told when a leader's log grows, or its high watermark moves: the sessions of its followers. From any
// thread, also while a group is written: returns at once.
class ReplicaListener {
  public:
    virtual ~ReplicaListener() = default;
    // `records`: there are more of them; else the high watermark alone has moved.
    virtual void has_news(std::size_t slot, bool records) = 0;
};

struct ReplicaContext {
    NodeId self;
    const Lease* lease = nullptr;
    std::function<std::int64_t()> uptime_us;
    std::int64_t lag_us_max = 0;
    std::shared_ptr<UnsettledReplicas> unsettled;
    std::shared_ptr<RecentBatches::Budget> recent_budget = std::make_shared<RecentBatches::Budget>();
};

class Replica final : public CommitGate, public std::enable_shared_from_this<Replica> {
  public:
    Replica(rpc::ReplicaRef ref, const ReplicaContext& context)
        : ref_(ref), context_(context), recent_(context.recent_budget) {}

    const rpc::ReplicaRef& ref() const { return ref_; }
    // What it was told last; version 0: nothing yet.
    rpc::ReplicaAssignment assignment() const;
    std::string name() const;

    // Takes a newer assignment, whose epoch is durable; the partition it is about, if it is here. Blocks.
    void assign(const rpc::ReplicaAssignment& assignment, const std::optional<CopyStore::Opened>& opened);
    // The partition was opened, opened anew after an error, or is gone. Blocks when it is another one.
    void rebind(const std::optional<CopyStore::Opened>& opened);

    // --- as a leader ---
    Result<void> check_writable() const override;
    void appended(std::span<const StoredBatch> batches) override;
    Offset synced(Offset end) override;
    void failed() override;
    Result<void> check_serving(Offset visible_end) const override;

    struct Position {
        LeaderEpoch epoch;
        Offset offset = 0;
        Offset synced_end = 0;
        Offset high_watermark = 0;
        LeaderEpoch last_epoch;    // 0: its log is empty
        std::uint32_t losses = 0;  // PartitionCopy::Ends
    };
    struct Answer {
        Offset high_watermark = 0;
        Offset log_start = 0;
        std::optional<EpochEnd> diverged;
        // Of the leader, which are not the follower's; the rest is void.
        std::optional<std::uint32_t> losses;
        bool has_records = false;  // from the follower's offset on
    };
    // A follower says where it is. NOT_LEADER: not led here in that epoch. NOT_FOUND: the log here begins
    // behind its end, or is too short to tell whether the two agree there.
    Result<Answer> report(NodeId follower, const Position& position);
    // Whole batches from `from` on, about `bytes_max`; at least one when there is one. Blocks.
    Result<std::vector<StoredBatch>> read(Offset from, std::uint64_t bytes_max) const;
    // The same at once; nullopt: they are in the log alone.
    std::optional<std::vector<StoredBatch>> read_recent(LeaderEpoch epoch, Offset from,
                                                        std::uint64_t bytes_max) const;
    // NOT_LEADER: not led here in that epoch; then nothing that was read since is of it, either.
    Result<Offset> high_watermark(LeaderEpoch epoch) const;
    // Its files, for a follower. NOT_LEADER: not led here in that epoch. Blocks.
    Result<PartitionCopy::Export> export_files(LeaderEpoch epoch) const;
    // The follower's session listens from now on, in place of an earlier one.
    void listen(NodeId follower, std::weak_ptr<ReplicaListener> listener, std::size_t slot);

    // Whether the follower counts, as this copy was told last.
    bool has_in_sync(NodeId follower) const;
    // A follower says that it cannot open its copy: the controller is asked to leave it out of all sets.
    void follower_damaged(NodeId follower);
    // Followers that are not in sync, or not at the end.
    void add_lags(std::vector<rpc::FollowerLag>& lags) const;

    // What it asks the controller for. `settled`: nothing, and only something that happens changes that: then
    // it adds itself to the unsettled.
    struct Asked {
        std::optional<rpc::ReplicaProposal> proposal;
        bool settled = false;
    };
    Asked ask();
    // Its partition may have failed, and nobody said so. Every now and then.
    void look_for_failure();
    // What it has, for an election.
    rpc::CopyReport copy_report() const;

    // --- as a follower ---
    // Its partition is here and cannot be opened for damage: as a follower it is to be made anew.
    bool is_damaged() const;
    void note_damage(bool damaged);
    // Of in_sync or eligible, as it was told last: what it holds counts.
    bool is_member() const;
    // Whether it may be read from though it follows: in sync in that epoch, as it was told last, with a
    // lease. NOT_LEADER says why not.
    Result<void> check_readable(LeaderEpoch epoch) const;
    // The node it follows, also with a copy that is damaged; 0: it does not. And the position to fetch from.
    NodeId follows() const;
    Position position() const;
    // Where that which is committed by then is applied.
    enum class ApplyOn { storage_pool, this_thread };
    // What the leader sent: records are written, synced and, as far as they are committed, applied; or the
    // log is cut. Blocks (storage pool). An error says why the leader's answer could not be taken;
    // OVERLOADED: rows that are to be flushed first fill the memory for them.
    Result<void> take(const rpc::FetchedPartition& fetched, const std::vector<StoredBatch>& batches,
                      ApplyOn where = ApplyOn::storage_pool);
    // The storage pool of its disk; false: it has none at the moment.
    bool post(std::function<void()> work) const;

  private:
    struct Listener {
        std::weak_ptr<ReplicaListener> listener;
        std::size_t slot = 0;
    };
    std::shared_ptr<Partition> partition() const;
    // Under the mutex: whether it is to be added to the unsettled.
    [[nodiscard]] bool watch();
    void unsettle();
    void take_part(const rpc::ReplicaAssignment& assignment, const CopyStore::Opened& opened);
    using Listeners = std::map<NodeId, Listener>;
    static void tell(bool records, const std::shared_ptr<const Listeners>& listeners);
    Error not_leading(const std::string& why) const;

    const rpc::ReplicaRef ref_;
    const ReplicaContext context_;
    std::mutex assigning_;  // of assign() and rebind()
    mutable std::mutex mutex_;
    rpc::ReplicaAssignment assignment_;
    std::optional<CopyStore::Opened> opened_;
    std::optional<CommitTracker> tracker_;  // it leads
    RecentBatches recent_;                  // while it leads and is followed
    bool resigns_ = false;                  // it was to lead in an epoch of an earlier life
    bool damaged_ = false;                  // it could not be opened
    bool watched_ = false;                  // it is among the unsettled
    // Since it was opened it has led, or has had all that its leader knew to be committed: what it knows is
    // not of an earlier life.
    bool heard_ = false;
    // Replaced, never changed: a group that is written takes it along without a copy. nullptr: nobody
    // listens.
    std::shared_ptr<const Listeners> listeners_;
    std::map<NodeId, std::unique_ptr<RetentionHold>> holds_;
    std::set<NodeId> damaged_followers_;  // as they said last
};

}  // namespace dl::slave
