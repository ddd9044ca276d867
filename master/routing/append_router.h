// Sends the rows of one checked batch to the slaves that lead their partitions: one append per slave with all
// its partitions, side by side. Coroutines run on the caller's executor; thread-safe.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/rpc/messages/append_messages.h"
#include "master/catalog/catalog_cache.h"
#include "master/routing/batch_id.h"
#include "master/routing/offsets.h"
#include "master/routing/own_batch_ids.h"
#include "master/routing/partition_caller.h"
#include "master/routing/partitioned_batch.h"

namespace dl::master {

struct AppendOutcome {
    OffsetRangeMap offsets;
    bool duplicate = false;  // every part was a repeat of an earlier batch id
};

class AppendRouter {
  public:
    explicit AppendRouter(const PartitionCaller& caller) : caller_(caller) {}

    // A batch without an id gets one here when its table has copies; nobody sees it.
    // What became of each partition of the batch, in its order. With a batch id, a slave whose answer was
    // lost is asked again until the deadline, and for limits::batch_repeat_ms_max at most: it knows whether
    // the batch was applied. Without one that is UNKNOWN_OUTCOME.
    boost::asio::awaitable<std::vector<rpc::AppendResult>> append(
        TablePtr table, std::shared_ptr<const PartitionedBatch> batch, std::optional<BatchId> batch_id,
        rpc::Deadline deadline);

  private:
    boost::asio::awaitable<std::vector<rpc::AppendResult>> append_named(
        TablePtr table, std::shared_ptr<const PartitionedBatch> batch, std::optional<BatchId> batch_id,
        bool has_copies, rpc::Deadline deadline);

    const PartitionCaller& caller_;
    OwnBatchIds own_ids_;
};

// PARTIAL when some partitions were written and the others surely were not; UNKNOWN_OUTCOME when it is not
// known of some; else the error that all share, or the first.
Result<AppendOutcome> append_outcome(const std::vector<rpc::AppendResult>& results, bool has_batch_id);

}  // namespace dl::master
