// Makes a copy anew from the files of its leader: for one whose log cannot go on from the leader's, because
// it is new, or was away for longer than the leader keeps its log. The partition that is there serves as
// before until the files are complete. Coroutine on the caller's executor.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
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
struct RefillTarget {
    CopyStore* store = nullptr;
    WorkerPool* work = nullptr;  // what blocks
    IoBudget* budget = nullptr;  // nullptr: no limit
    // The replica gets the partition that was made; on `work`.
    std::function<void(Replica&)> bind;
    // The copy, which follows in that epoch, is given up as CopyStore::condemn() says; on `work`.
    std::function<Result<void>(Replica&, LeaderEpoch, const std::string& why)> condemn;
    // Ended early when it is set.
    const std::atomic<bool>* stop = nullptr;
};
// How far it is; read by others while it goes on.
struct RefillMeter {
    const std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
    std::atomic<std::uint64_t> bytes_done{0}, bytes_total{0};
};
// An error leaves the partition that was there. INVALID_REQUEST when this copy is in its in-sync set: then it
// has records that others may lack.
boost::asio::awaitable<Result<void>> refill(RefillSource from, RefillTarget to,
                                            std::shared_ptr<Replica> replica,
                                            std::shared_ptr<RefillMeter> meter);

}  // namespace dl::slave
