// What all handlers share. Outlives the server that calls them.
#pragma once

#include <string>

#include "common/async/worker_pool.h"
#include "common/net/byte_budget.h"
#include "slave/handlers/query_service.h"
#include "slave/handlers/table_drops.h"
#include "slave/handlers/table_registry.h"
#include "slave/partition/wait_list.h"

namespace dl::slave {

struct NodeIdentity {
    std::string node;  // address as configured
    std::string version;
    std::string incarnation;  // new with every empty data directory
};

// Who this node is in its cluster. Thread-safe.
class NodeMembership {
  public:
    virtual ~NodeMembership() = default;
    virtual NodeId node_id() const = 0;          // none: not registered yet
    virtual std::string cluster_id() const = 0;  // empty: not registered yet
    // UNAVAILABLE says to whom the node belongs when it is not this cluster, and what to do.
    virtual Result<void> check_cluster(std::string_view cluster_id) const = 0;
    // Blocking (work pool); durable on return, idempotent. As check_cluster() unless it is to be taken over,
    // INVALID_REQUEST when it is another node of the cluster already.
    virtual Result<void> join(NodeId node, std::string_view cluster_id, bool take_over) = 0;
};

class ReplicaSet;

// EXPLAINs that run when all query slots are taken, which read no rows.
inline constexpr std::size_t kExplainSlots = 2;

struct HandlerContext {
    TableRegistry* tables = nullptr;
    QueryService* queries = nullptr;
    WorkerPool* work_pool = nullptr;           // reads, checks of large batches, changes of tables
    WorkerPool* query_pool = nullptr;          // one thread a running query or EXPLAIN
    net::ByteBudget* query_slots = nullptr;    // counts running queries
    net::ByteBudget* explain_slots = nullptr;  // none: an EXPLAIN waits as others do
    std::shared_ptr<WaitList> stopping = std::make_shared<WaitList>(0);  // passes 0 when the node stops
    std::shared_ptr<TableDrops> drops = std::make_shared<TableDrops>();
    NodeIdentity node;
    NodeMembership* membership = nullptr;
    ReplicaSet* replicas = nullptr;
    WorkerPool* tables_pool = nullptr;  // creating and dropping tables, which may take seconds
};

}  // namespace dl::slave

// DL_TRY and DL_TRY_ASSIGN of error.h for coroutines. The expression must not create temporaries that own
// something and hold a co_await (see run_on.h).
#define DL_CO_TRY(expression)                                             \
    do {                                                                  \
        if (auto dl_try_result = (expression); dl_try_result.has_error()) \
            co_return std::move(dl_try_result).error();                   \
    } while (false)
#define DL_CO_TRY_ASSIGN(target, expression)                                                                 \
    auto DL_CONCAT(dl_try_, __LINE__) = (expression);                                                        \
    if (DL_CONCAT(dl_try_, __LINE__).has_error()) co_return std::move(DL_CONCAT(dl_try_, __LINE__)).error(); \
    target = std::move(*DL_CONCAT(dl_try_, __LINE__))
