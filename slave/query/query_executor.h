// Runs SQL over a pinned cut: gate, a DuckDB session with a view per table, a stream of batches. Every query
// has a deadline and can be cancelled; how many run at a time is up to the caller. Plain lookups by key are
// answered from the key index instead. Blocking: query pool only. Thread-safe; outlives its streams.
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

class QueryExecutor {
  public:
    // `database` may read the folders of the partitions.
    explicit QueryExecutor(std::shared_ptr<DuckDatabase> database) : database_(std::move(database)) {}

    // Returns when the columns are known. TIMEOUT and CANCELLED when it is stopped; NOT_SUPPORTED and friends
    // from the gate (the master has checked already; this node does not rely on it).
    Result<std::unique_ptr<QueryRows>> start(FragmentQuery query);

  private:
    std::shared_ptr<DuckDatabase> database_;
    DeadlineWatch deadlines_;
};

}  // namespace dl::slave
