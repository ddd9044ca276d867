// Makes a copy anew from the files of its leader: for one whose log cannot go on from the leader's, because
// it is new, or was away for longer than the leader keeps its log. The partition that is there serves as
// before until the files are complete. They take its place only while it follows in the epoch in which they
// were asked for, and counts in no set: what it has got from another leader since may be acknowledged.
// Coroutine on the caller's executor.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "common/async/worker_pool.h"
#include "common/rpc/rpc_client.h"
#include "slave/compaction/io_budget.h"
#include "slave/replication/copy_store.h"
#include "slave/replication/replica.h"

namespace dl::slave {

struct RefillSource {
    std::shared_ptr<rpc::RpcClient> leader;
    std::string cluster_id;
    NodeId self;
};
// A copy is made anew by one at a time. Thread-safe.
class RefillsUnderWay {
  public:
    bool enter(const rpc::ReplicaRef& ref) {
        const std::lock_guard lock(mutex_);
        return under_way_.insert(ref).second;
    }
    void leave(const rpc::ReplicaRef& ref) {
        const std::lock_guard lock(mutex_);
        under_way_.erase(ref);
    }

  private:
    std::mutex mutex_;
    std::set<rpc::ReplicaRef> under_way_;
};
struct RefillTarget {
    CopyStore* store = nullptr;
    WorkerPool* work = nullptr;  // what blocks
    IoBudget* budget = nullptr;  // nullptr: no limit
    // Whether the files of its leader of that epoch may take the place of the copy, as far as is known now.
    // NOT_LEADER: it follows another by now. INVALID_REQUEST: it counts.
    std::function<Result<void>(const Replica&, LeaderEpoch)> check;
    // They take it, if they may; on `work`.
    std::function<Result<void>(Replica&, LeaderEpoch)> replace;
    // The copy, which follows in that epoch, is given up as CopyStore::condemn() says; on `work`.
    std::function<Result<void>(Replica&, LeaderEpoch, const std::string& why)> condemn;
    // Ended early when it is set.
    const std::atomic<bool>* stop = nullptr;
    // Of the node: those that are under way. One of an earlier leader may not have ended yet.
    std::shared_ptr<RefillsUnderWay> under_way = std::make_shared<RefillsUnderWay>();
};
// How far it is; read by others while it goes on.
struct RefillMeter {
    const std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
    std::atomic<std::uint64_t> bytes_done{0}, bytes_total{0};
};
// An error leaves the partition that was there. INVALID_REQUEST when this copy is in its in-sync set, or
// eligible: then it has records that others may lack. NOT_LEADER when it follows another leader meanwhile,
// UNAVAILABLE while an earlier refill of it has not ended.
boost::asio::awaitable<Result<void>> refill(RefillSource from, RefillTarget to,
                                            std::shared_ptr<Replica> replica,
                                            std::shared_ptr<RefillMeter> meter);

}  // namespace dl::slave
