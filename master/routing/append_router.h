// Sends the rows of one checked batch to the slaves that lead their partitions: one append per slave with all
// its partitions, side by side. Coroutines run on the caller's executor; thread-safe.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "common/base/error.h"
#include "common/rpc/rpc_client.h"
#include "master/catalog/catalog_cache.h"
#include "master/routing/offsets.h"
#include "master/routing/partitioned_batch.h"
#include "master/routing/route_table.h"

namespace dl::master {

struct AppendOutcome {
    OffsetRangeMap offsets;
    bool duplicate = false;  // every part was a repeat of an earlier batch id
};

class AppendRouter {
  public:
    explicit AppendRouter(const RouteTable& routes) : routes_(routes) {}

    // With a batch id, a slave whose answer was lost is asked again until the deadline: it knows whether the
    // batch was applied. Without one that is UNKNOWN_OUTCOME. When some slaves wrote their part and others
    // surely did not: PARTIAL, naming the partitions of both. A slave that does not know the schema yet is
    // sent it, once.
    boost::asio::awaitable<Result<AppendOutcome>> append(TablePtr table,
                                                         std::shared_ptr<const PartitionedBatch> batch,
                                                         std::optional<std::string> batch_id,
                                                         rpc::Deadline deadline);

  private:
    const RouteTable& routes_;
};

}  // namespace dl::master
