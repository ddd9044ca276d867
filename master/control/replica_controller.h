// Keeps the copies of all partitions: sends heartbeats to every node, with which they hold leases, decides
// who leads and who is in sync, has the catalog change it, and then tells the nodes until what they have is
// what the catalog says (docs/flows/failover.md). For each address one coroutine for heartbeats and one for
// assignments, and one that decides; all on the executor given, which is serial. What blocks runs on the work
// pool.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/async/worker_pool.h"
#include "common/rpc/messages/replica_messages.h"
#include "master/catalog/catalog.h"
#include "master/control/copy_control.h"
#include "master/control/node_liveness.h"
#include "master/routing/slave_directory.h"

namespace dl::master {

struct ReplicaOptions {
    LeaseTimes times;
    // Before a leader is elected its candidates are asked what they hold; who has not answered by then is
    // elected only when nobody has.
    std::chrono::milliseconds report_wait{1000};
    // After all copies of a partition were stopped: how long those that are not back yet are waited for.
    std::chrono::milliseconds election_wait{10'000};
    // Leaderships go back to the first replica, so many at a time, once it has lived for a while: a node that
    // falls over again and again is not given them each time.
    std::chrono::milliseconds hand_back_interval{1000};
    std::size_t hand_backs_max = 500;
    std::chrono::milliseconds hand_back_after{10'000};
    // What a node says with each heartbeat that statements take there. Called while the controller decides
    // nothing; it is not to wait.
    std::function<void(NodeId, const std::vector<rpc::QueryMemory>&)> on_query_memory = nullptr;
};

class ReplicaController final : public CopyControl {
  public:
    // `slaves`: clients of its own, whose back-off must not be longer than a heartbeat. All outlive it.
    ReplicaController(Catalog& catalog, const SlaveDirectory& slaves, WorkerPool& work,
                      ReplicaOptions options = {});
    ~ReplicaController() override;
    ReplicaController(const ReplicaController&) = delete;
    ReplicaController& operator=(const ReplicaController&) = delete;

    void start(boost::asio::any_io_executor executor);
    // From any thread but the executor's; blocks until nothing of it runs any more. Idempotent.
    void stop();

    NodeStates states() const override;
    std::vector<NodeView> nodes() const override;
    boost::asio::awaitable<void> announce(TableId table, rpc::Deadline until) override;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace dl::master
