// What the commands work with; lives as long as any of them.
#pragma once

#include <chrono>
#include <memory>

#include "common/async/worker_pool.h"
#include "common/base/limits.h"
#include "common/net/byte_budget.h"
#include "master/catalog/catalog.h"
#include "master/control/copy_control.h"
#include "master/control/node_registrar.h"
#include "master/control/refill_orders.h"
#include "master/control/table_manager.h"
#include "master/execution/light_lanes.h"
#include "master/execution/open_results.h"
#include "master/execution/query_list.h"
#include "master/routing/append_router.h"
#include "master/routing/point_router.h"
#include "master/routing/read_router.h"
#include "master/routing/route_table.h"
#include "master/routing/upkeep_router.h"
#include "master/sql/query_coordinator.h"

namespace dl::master {

struct CommandLimits {
    std::chrono::milliseconds statement_timeout{limits::statement_timeout_ms_default};
    std::chrono::milliseconds compress_timeout{std::chrono::hours(24)};
    std::chrono::milliseconds copies_wait{8000};  // RetryOptions::copies_wait
};

struct Services {
    Catalog& catalog;
    const RouteTable& routes;
    TableManager& tables;
    AppendRouter& appends;
    ReadRouter& reads;
    UpkeepRouter& upkeep;
    PointRouter& points;
    QueryCoordinator& queries;
    WorkerPool& work_pool;        // parsing, catalog
    WorkerPool& query_pool;       // pulls query results; at least as many threads as there are query slots
    net::ByteBudget& work_bytes;  // plain and encoded rows of the batches in work
    net::ByteBudget& query_slots;
    CommandLimits limits;
    OpenResults& open_results;
    QueryList& running;
    // What `queries` works with; null in tests without slaves.
    FragmentRunner* fragments = nullptr;
    const SystemTables* system_tables = nullptr;
    LightLanes* light = nullptr;          // none: light statements wait as others do
    const CopyControl* copies = nullptr;  // none: no slave is asked how it is
    const NodeRegistrar* registrar = nullptr;
    std::shared_ptr<RefillOrders> refills = std::make_shared<RefillOrders>();
};

}  // namespace dl::master
