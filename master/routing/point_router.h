// Lookups by key that one slave answers: one request, one reply, no thread that waits. Coroutines run on the
// caller's executor; thread-safe. Cancelling a coroutine closes its connection, which ends the work on the
// slave.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <map>
#include <memory>
#include <string>

#include "common/net/byte_budget.h"
#include "common/rpc/rpc_client.h"
#include "master/routing/partition_caller.h"
#include "master/sql/point_plan.h"

namespace dl::master {

// All rows of a lookup; next() does not block.
struct PointAnswer {
    std::unique_ptr<QueryStream> rows;
    std::size_t bytes = 0;  // of the rows as they came
};

class PointRouter {
  public:
    // Lookups under way at a slave at the same time; more wait here, where waiting is cheaper. Each slave has
    // its own, so that one that is slow holds up nobody else's.
    static constexpr std::size_t kInFlightMax = 16;

    explicit PointRouter(const PartitionCaller& caller);

    // `sql` is the statement `plan` was made of. TIMEOUT at the deadline, OVERLOADED when it passes while the
    // lookup waits for its turn, otherwise as FragmentRunner.
    boost::asio::awaitable<Result<PointAnswer>> read(PointPlan plan, std::string sql, rpc::Deadline deadline);

  private:
    const PartitionCaller& caller_;
    std::map<std::string, net::ByteBudget> slots_;  // by node; fixed after construction
};

}  // namespace dl::master
