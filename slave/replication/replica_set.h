// The copies of this node that have others elsewhere: what the controller tells of them, what they ask it
// for, and who fetches from whom.
//
// Threads: everything from any thread; what blocks says so. Fetches run on the executor given.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "common/rpc/messages/copy_messages.h"
#include "common/rpc/messages/replica_messages.h"
#include "slave/replication/copy_store.h"
#include "slave/replication/fetch_session.h"
#include "slave/replication/fetcher.h"
#include "slave/replication/file_exports.h"
#include "slave/replication/lease.h"
#include "slave/replication/replica.h"

namespace dl::slave {

struct ReplicaOptions {
    // A follower that has not been at the end of its leader's log for so long leaves the in-sync set.
    std::chrono::milliseconds lag_max{5000};
    FetchOptions fetch;
    IoBudget* refill_budget = nullptr;  // of what is copied; nullptr: no limit
};

class ReplicaSet {
  public:
    // Who this node is, once it is known: as NodeMembership.
    struct Identity {
        std::function<NodeId()> node_id;
        std::function<std::string()> cluster_id;
        std::string incarnation;
    };
    // Gives the event loop of a fetcher.
    using Executors = std::function<boost::asio::any_io_executor()>;
    // `work` runs what blocks while a copy is made anew or catches up.
    ReplicaSet(CopyStore& store, WorkerPool& work, Identity identity, Executors executors,
               ReplicaOptions options = {});
    ~ReplicaSet();

    // Durable on return; blocks (work pool). NOT_LEADER: of another controller than the one that was answered
    // last. UNAVAILABLE: not a member of a cluster yet.
    Result<rpc::AssignReplicasReply> assign(const rpc::AssignReplicasRequest& request);
    rpc::HeartbeatReply heartbeat(const rpc::HeartbeatRequest& request);

    std::shared_ptr<Replica> find(const rpc::ReplicaRef& ref) const;
    FetchSessions& sessions() { return sessions_; }
    // Opens the files of a copy that is led here; blocks.
    Result<rpc::ExportCopyReply> export_copy(const rpc::ExportCopyRequest& request);
    FileExports& exports() { return exports_; }
    const std::string& process() const { return process_; }

    // Looks for partitions that were opened anew, came or went. Every second or so; blocks. While nothing
    // changes a call looks at one copy in kRoundTicks, for failures that nobody has told it.
    void tick();
    // The copy of this node, which is to be one no longer: removed from the disk, durable on return, also
    // when it is gone already; blocks. INVALID_REQUEST when a newer placement than the one named has been
    // told, or the order is for another life of this process; NOT_LEADER as assign().
    Result<void> drop_copy(const rpc::DropCopyRequest& request);
    // The copy of this node, which follows, is made anew from its leader's files, what is here is set aside;
    // closed on return; blocks. Errors as RefillCopyRequest says.
    Result<void> refill_copy(const rpc::RefillCopyRequest& request);
    // Copies led here that are not up to date, and copies here that are made anew, do not come forward or
    // cannot be opened. Blocks for a moment.
    rpc::CopyProgressReply progress() const;
    // A partition that is not led here was read; progress() tells how often.
    void count_follower_read() { follower_reads_.fetch_add(1, std::memory_order_relaxed); }
    // The table is gone from this node.
    void forget(TableId table);
    // From now on it says that it is to lead nothing any more; waits until that is so, or the time is over.
    void hand_over(std::chrono::milliseconds time);
    // Ends all fetches; blocks. Not from a thread of the executors.
    void stop();

  private:
    static constexpr std::size_t kRoundTicks = 60;
    rpc::CopyReport copy_report(const rpc::ReplicaRef& ref) const;
    std::vector<std::shared_ptr<Replica>> next_of_round();
    std::optional<CopyStore::Opened> look_up(Replica& replica) const;
    void bind(Replica& replica);
    // NOT_LEADER: it does not follow in that epoch any more.
    Result<void> condemn(Replica& replica, LeaderEpoch epoch, const std::string& why);
    // RefillTarget::check and ::replace.
    Result<void> check_replaceable(const Replica& replica, LeaderEpoch epoch) const;
    Result<void> replace_by_files(Replica& replica, LeaderEpoch epoch);
    // Under mutex_: it is not of the digest any more.
    void uncount(const rpc::ReplicaRef& ref);
    void follow();
    bool leads_any() const;

    CopyStore& store_;
    WorkerPool& work_;
    const Identity identity_;
    const Executors executors_;
    const ReplicaOptions options_;
    const std::string process_;
    Lease lease_;
    FetchSessions sessions_;
    FileExports exports_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> follower_reads_{0};

    const std::shared_ptr<UnsettledReplicas> unsettled_ = std::make_shared<UnsettledReplicas>();
    const std::shared_ptr<RecentBatches::Budget> recent_budget_ = std::make_shared<RecentBatches::Budget>();

    std::mutex assigning_;
    std::uint64_t changes_seen_ = 0;  // of the store, by tick()
    rpc::ReplicaRef round_at_;        // by tick(): the last one that was looked at
    mutable std::shared_mutex mutex_;
    std::map<rpc::ReplicaRef, std::shared_ptr<Replica>> replicas_;
    std::map<rpc::ReplicaRef, std::uint32_t> versions_;  // of the digest
    std::uint64_t digest_ = 0;
    std::map<NodeId, std::string> addresses_;
    std::map<NodeId, std::shared_ptr<Fetcher>> fetchers_;
    std::vector<std::weak_ptr<Fetcher>> left_;  // stopped, and not ended yet as far as is known
    const std::shared_ptr<RefillsUnderWay> refills_ = std::make_shared<RefillsUnderWay>();
};

}  // namespace dl::slave
