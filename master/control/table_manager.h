// Creates, alters and drops tables: catalog and slaves together. A table exists from the moment its catalog
// entry is committed, which happens after every slave has its partitions; it is gone from the moment the
// entry is, and what slaves still hold is dropped in the background, whenever they are back. Coroutines run
// on the caller's executor; thread-safe.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "common/async/worker_pool.h"
#include "common/base/error.h"
#include "common/rpc/rpc_client.h"
#include "master/catalog/catalog.h"
#include "master/catalog/schema_change.h"
#include "master/routing/slave_directory.h"

namespace dl::master {

class TableManager {
  public:
    // `work` runs what blocks on the catalog.
    TableManager(Catalog& catalog, const SlaveDirectory& slaves, WorkerPool& work)
        : catalog_(catalog), slaves_(slaves), work_(work) {}

    // TABLE_EXISTS; UNAVAILABLE names the slave that is needed and cannot be reached, and nothing is visible
    // then.
    boost::asio::awaitable<Result<TablePtr>> create(TableDefinition definition, rpc::Deadline deadline);
    boost::asio::awaitable<Result<void>> drop(std::string name, rpc::Deadline deadline);
    boost::asio::awaitable<Result<TablePtr>> add_column(std::string name, ColumnDefinition column,
                                                        rpc::Deadline deadline);
    boost::asio::awaitable<Result<TablePtr>> drop_column(std::string name, std::string column,
                                                         rpc::Deadline deadline);

    // Tells one slave what it missed while it was away: newer schemas and drops. For a slave that came back.
    boost::asio::awaitable<void> catch_up(std::string node, rpc::Deadline deadline);
    // Carries out the drops that are still open on one slave.
    boost::asio::awaitable<void> retry_drops(std::string node, rpc::Deadline deadline);

  private:
    using Change = std::function<Result<TableMeta>(const TableMeta&)>;
    boost::asio::awaitable<Result<TablePtr>> alter(std::string name, Change change, rpc::Deadline deadline);
    boost::asio::awaitable<Result<void>> create_on_slaves(const TableMeta& table, rpc::Deadline deadline);
    boost::asio::awaitable<bool> carry_out(PendingDrop drop, rpc::Deadline deadline);
    Result<TableMeta> plan(const TableDefinition& definition) const;

    Catalog& catalog_;
    const SlaveDirectory& slaves_;
    WorkerPool& work_;
    std::mutex mutex_;
    std::set<TableId> in_creation_;  // not to be cleaned up: their drops are queued in case this process dies
};

}  // namespace dl::master
