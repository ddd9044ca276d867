// One statement being answered, what it may use, and the way back to its client. Handlers are coroutines on
// the session's executor; blocking work goes to the pools.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "common/async/query_cancel.h"
#include "common/async/worker_pool.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/shared_bytes.h"
#include "common/net/byte_budget.h"
#include "common/rpc/rpc_client.h"
#include "master/catalog/catalog.h"
#include "master/control/table_manager.h"
#include "master/protocol/native/json_request.h"
#include "master/routing/append_router.h"
#include "master/routing/point_router.h"
#include "master/routing/read_router.h"
#include "master/routing/route_table.h"
#include "master/sql/query_coordinator.h"

namespace dl::master {

struct HandlerLimits {
    std::chrono::milliseconds statement_timeout{limits::statement_timeout_ms_default};
    std::chrono::milliseconds compress_timeout{std::chrono::hours(24)};
};

// Everything the handlers share; lives as long as any session.
struct Services {
    Catalog& catalog;
    const RouteTable& routes;
    TableManager& tables;
    AppendRouter& appends;
    ReadRouter& reads;
    PointRouter& points;
    QueryCoordinator& queries;
    WorkerPool& work_pool;        // parsing, catalog
    WorkerPool& query_pool;       // pulls query results; at least as many threads as there are query slots
    net::ByteBudget& work_bytes;  // plain and encoded rows of the batches in work
    net::ByteBudget& query_slots;
    HandlerLimits limits;
};

// The client as a handler sees it.
class ClientReply {
  public:
    virtual ~ClientReply() = default;
    // All bytes, in order; completes when there is room for more. UNAVAILABLE when the client is gone or
    // reads nothing.
    virtual boost::asio::awaitable<Result<void>> write(std::span<const std::string_view> parts) = 0;
    // From now on the statement is cancelled when the client closes its side: for what only reads.
    virtual void cancel_when_client_leaves() = 0;
    // While true the statement only waits for others: it is cancelled with UNAVAILABLE when the master stops.
    virtual void waiting(bool waits) = 0;

    boost::asio::awaitable<Result<void>> write_one(std::string bytes);
};

struct Statement {
    JsonRequest request;
    SharedBytes batch;  // second frame of a binary batch
    std::chrono::steady_clock::time_point started;
    rpc::Deadline deadline;
    std::shared_ptr<QueryCancel> cancel = std::make_shared<QueryCancel>();
    std::uint64_t connection = 0;
    std::size_t request_bytes = 0;  // of the first frame

    const StatementOptions& options() const { return request.options(); }
    std::int64_t elapsed_ms() const {
        return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                     started)
            .count();
    }
};

// Sends -1, after one {"meta":{...}} frame when the options ask for it. `meta_fields`: the members, as JSON
// text.
boost::asio::awaitable<Result<void>> reply_success(const Statement& statement, ClientReply& reply,
                                                   std::string meta_fields);

using Handler = boost::asio::awaitable<Result<void>> (*)(Services& services, Statement& statement,
                                                         ClientReply& reply);

}  // namespace dl::master
