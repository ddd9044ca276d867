// What runs a fragment over a pinned cut: in this process (query_executor.h) or in one of its own
// (worker_executor.h). Blocking: query pool only. Thread-safe; outlives its streams.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/async/query_cancel.h"
#include "common/duck/duck_database.h"
#include "common/record/broadcast_table.h"
#include "slave/query/query_views.h"

namespace dl::slave {

struct FragmentQuery {
    std::string sql;                       // a SELECT or EXPLAIN SELECT
    std::map<std::string, TableId> names;  // lower-case table name in the SQL -> table of the cut
    std::shared_ptr<const QueryView> view;
    std::chrono::steady_clock::time_point deadline;
    std::shared_ptr<QueryCancel> cancel;  // never null; the handler cancels it when the caller is gone
    // Further tables that the SQL may name. Of a name in `names` too the table of the cut is meant.
    std::vector<BroadcastTable> broadcasts{};
    std::uint64_t number = 0;  // for memory()
};

// Rows of a running query. One thread at a time. Destroying it stops the query.
class QueryRows {
  public:
    virtual ~QueryRows() = default;
    virtual const std::vector<ResultColumn>& columns() const = 0;
    // nullopt is the end. TIMEOUT, CANCELLED, QUERY_ERROR, LIMIT_EXCEEDED (memory).
    virtual Result<std::optional<ColumnBatch>> next() = 0;
    // As QueryRun::is_whole().
    virtual bool is_whole() const { return false; }
};

class FragmentEngine {
  public:
    virtual ~FragmentEngine() = default;
    // Returns when the columns are known. TIMEOUT and CANCELLED when it is stopped; NOT_SUPPORTED and friends
    // from the gate (the master has checked already; this node does not rely on it); CRASHED.
    virtual Result<std::unique_ptr<QueryRows>> start(FragmentQuery query) = 0;
    // Lets go of what was kept for further queries; to be called now and then.
    virtual void expire() {}
    // How many statements have ended the process that ran them; those killed for their time not counted.
    virtual std::uint64_t crashes() const { return 0; }
    // Memory that statements take in processes of their own, in bytes, by their numbers; those of 0 are left
    // out.
    virtual std::map<std::uint64_t, std::uint64_t> memory() const { return {}; }
};

}  // namespace dl::slave
