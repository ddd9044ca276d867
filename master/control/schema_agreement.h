// What the slaves of a table know of its columns, and the catalog: each is told the newest schema, and one
// that a slave knows and the catalog does not (it is a restored copy) becomes the catalog's.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "common/async/worker_pool.h"
#include "common/base/synchronized.h"
#include "master/catalog/catalog.h"
#include "master/routing/route_table.h"

namespace dl::master {

struct SchemaTellers {
    Catalog& catalog;
    const RouteTable& routes;
    WorkerPool& work;
    // Slaves that have told this master, since it started, that they know no newer schema of the table.
    Synchronized<std::set<std::pair<TableId, NodeId>>>& agreed;
};

// One slave, with the leader epochs of its partitions, which may be none. Errors of the call; CORRUPT_DATA
// when it holds columns that the catalog's table cannot have become.
boost::asio::awaitable<Result<void>> tell_schema(SchemaTellers with, TablePtr table, NodeId node,
                                                 LeaderEpochs epochs, rpc::Deadline deadline);

// Before the catalog gives out a schema number and an id of a column: all slaves of the table say, once since
// the master started, that they know no newer ones, or bring them. UNAVAILABLE while one of them is away.
boost::asio::awaitable<Result<void>> agree_on_schema(SchemaTellers with, std::string name,
                                                     rpc::Deadline deadline);

}  // namespace dl::master
