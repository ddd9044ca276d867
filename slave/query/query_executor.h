// Runs SQL over a pinned cut: gate, a DuckDB session with a view per table, a stream of batches. Bounded in
// how many run and wait; every query has a deadline and can be cancelled. Plain lookups by key are answered
// from the key index instead. Blocking: query pool only. Thread-safe; outlives its streams.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/async/deadline_watch.h"
#include "common/async/query_cancel.h"
#include "common/duck/duck_database.h"
#include "common/duck/query_admission.h"
#include "common/record/broadcast_table.h"
#include "slave/query/query_views.h"

namespace dl::slave {

struct QueryExecutorOptions {
    std::size_t running_max = 8;
    std::size_t waiting_max = 256;
};

struct FragmentQuery {
    std::string sql;                       // a SELECT or EXPLAIN SELECT
    std::map<std::string, TableId> names;  // lower-case table name in the SQL -> table of the cut
    std::shared_ptr<const QueryView> view;
    std::chrono::steady_clock::time_point deadline;
    std::shared_ptr<QueryCancel> cancel;  // never null; the handler cancels it when the caller is gone
    // Further tables that the SQL may name. Of a name in `names` too the table of the cut is meant.
    std::vector<BroadcastTable> broadcasts{};
};

// Rows of a running query. One thread at a time. Destroying it stops the query and frees its slot.
class QueryRows {
  public:
    virtual ~QueryRows() = default;
    virtual const std::vector<ResultColumn>& columns() const = 0;
    // nullopt is the end. TIMEOUT, CANCELLED, QUERY_ERROR, LIMIT_EXCEEDED (memory).
    virtual Result<std::optional<ColumnBatch>> next() = 0;
    // As QueryRun::is_whole().
    virtual bool is_whole() const { return false; }
};

class QueryExecutor {
  public:
    // `database` may read the folders of the partitions.
    explicit QueryExecutor(std::shared_ptr<DuckDatabase> database, QueryExecutorOptions options = {})
        : database_(std::move(database)), admission_(options.running_max, options.waiting_max) {}

    // Returns when the columns are known. OVERLOADED, TIMEOUT and CANCELLED while it waits; NOT_SUPPORTED and
    // friends from the gate (the master has checked already; this node does not rely on it).
    Result<std::unique_ptr<QueryRows>> start(FragmentQuery query);

    std::size_t running() const { return admission_.running(); }
    std::size_t waiting() const { return admission_.waiting(); }

  private:
    std::shared_ptr<DuckDatabase> database_;
    QueryAdmission admission_;
    DeadlineWatch deadlines_;
};

}  // namespace dl::slave
