// Upkeep of tables: compaction and checks, fanned out to the slaves that lead the partitions. Coroutines run
// on the caller's executor; thread-safe. Cancelling a coroutine closes its connections, which ends a check on
// the slaves; a compaction goes on.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>

#include "common/base/error.h"
#include "common/rpc/messages/upkeep_messages.h"
#include "master/catalog/catalog_cache.h"
#include "master/routing/copy_comparison.h"
#include "master/routing/partition_caller.h"

namespace dl::master {

using rpc::CompressProgress;

class UpkeepRouter {
  public:
    explicit UpkeepRouter(const PartitionCaller& caller) : caller_(caller) {}

    // Completes when every partition is compacted, and its copies in sync that are there. `progress` (may be
    // empty) gets the sum over all slaves now and then, one call at a time, and once at the end; when it
    // fails it is not called again. PARTIAL names the slaves that are done when others failed.
    using ProgressSink = std::function<boost::asio::awaitable<Result<void>>(CompressProgress now)>;
    boost::asio::awaitable<Result<void>> compress(TablePtr table, rpc::Deadline deadline,
                                                  ProgressSink progress);
    // Passes a row for each copy in sync on, of partitions with several compared with each other
    // (copy_comparison.h), the one that leads first; all slaves work at once. `repair_copy`: with `repair`,
    // of a copy that is to be made anew or to lead; what it did, in words.
    using RowSink = std::function<boost::asio::awaitable<Result<void>>(std::string row)>;
    using RepairCopy = std::function<boost::asio::awaitable<std::string>(PartitionId partition,
                                                                         std::string slave, CopyRepair what)>;
    boost::asio::awaitable<Result<void>> check(TablePtr table, bool repair, RowSink sink,
                                               RepairCopy repair_copy, rpc::Deadline deadline);

    // The records that are gone from the log of a partition that does not serve; with `accept` it serves
    // without them from then on. INVALID_REQUEST when nothing is provably gone.
    boost::asio::awaitable<Result<rpc::AcceptLossReply>> lost_records(TablePtr table, PartitionId partition,
                                                                      bool accept, rpc::Deadline deadline);

  private:
    const PartitionCaller& caller_;
};

}  // namespace dl::master
