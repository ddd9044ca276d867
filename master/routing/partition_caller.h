// Requests about partitions of one table, to the slaves that lead them: groups the partitions by slave,
// attaches the leader epochs, runs the slaves side by side and tries again as slave_call.h says. A partition
// whose leader has changed meanwhile goes to the new one. What fails for one slave does not end the others.
// Coroutines run on the caller's executor; thread-safe.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <vector>

#include "common/rpc/messages/table_messages.h"
#include "master/routing/slave_call.h"

namespace dl::master {

// The partitions of a request that one slave leads.
struct SlaveShare {
    Route route;
    std::vector<rpc::PartitionEpoch> partitions;  // in the order they were given

    std::vector<PartitionId> ids() const;
};

class PartitionCaller {
  public:
    explicit PartitionCaller(const RouteTable& routes, RetryOptions options = {})
        : routes_(routes), options_(options) {}

    // One try at one slave. Keeps what the answer says itself. Shares of the same call may run at the same
    // time, on one executor.
    using Attempt =
        std::function<boost::asio::awaitable<Result<void>>(const SlaveShare& share, rpc::CallTrace& trace)>;
    // A share that was given up.
    using Failed = std::function<void(const SlaveShare& share, Error error)>;

    struct Call {
        TablePtr table;
        std::vector<PartitionId> partitions;
        rpc::Deadline deadline;
        LostAnswer lost = LostAnswer::is_read_again;
        rpc::Deadline ask_until = rpc::Deadline::max();  // for answers that were lost
        Attempt attempt;
        Failed failed;
    };
    // `call` lives until this completes.
    boost::asio::awaitable<void> run(const Call& call) const;

    // By slave; partitions that no slave leads are `failed`, each as a share of its own without a slave.
    std::vector<SlaveShare> group(const TableMeta& table, const std::vector<PartitionId>& partitions,
                                  const Failed& failed) const;
    // One share alone, as run() does it.
    boost::asio::awaitable<void> run_share(const Call& call, SlaveShare share) const;

    // The same for partitions of which there are several copies: run() takes this way by itself.
    boost::asio::awaitable<void> run_with_copies(const Call& call, std::vector<PartitionId> partitions) const;

    // Waits for leaders of partitions with copies, as long as run() would.
    boost::asio::awaitable<void> until_led(TablePtr table, std::vector<PartitionId> partitions,
                                           rpc::Deadline deadline) const;

    const RouteTable& routes() const { return routes_; }
    const RetryOptions& options() const { return options_; }

  private:
    const RouteTable& routes_;
    const RetryOptions options_;
};

std::vector<PartitionId> all_partitions(const TableMeta& table);
// "0,3"
std::string partition_list(const std::vector<PartitionId>& partitions);

}  // namespace dl::master
