// Runs one user SELECT: gate, plan, one pinned cut on every slave concerned, then either the whole statement
// on one slave or a merge of the slaves' rows in the master's own DuckDB. How many run at a time is up to the
// caller. Blocking: query pool only. Thread-safe; one coordinator serves all queries.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/async/query_cancel.h"
#include "common/base/error.h"
#include "common/duck/duck_database.h"
#include "common/meta/table_meta.h"
#include "common/record/column_batch.h"
#include "master/sql/fragment_runner.h"
#include "master/sql/query_planner.h"
#include "master/sql/sql_parameters.h"
#include "master/sql/statement_shape.h"
#include "master/sql/system_tables.h"

namespace dl::master {

struct QueryOptions {
    std::chrono::steady_clock::time_point deadline;
    CutOptions cut;
    SqlParameters params;
    // In the place of the coordinator's own, for one statement. Both outlive it and what it gives.
    FragmentRunner* runner = nullptr;
    const SystemTables* system_tables = nullptr;
    std::uint64_t number = 0;  // under which it is told what it takes; 0: not at all
};

// Rows of a running query. One thread pulls. Destroying it stops what still runs and unpins every slave. The
// deadline is kept by whoever pulls and by what it waits for; cancel() of the token given to run() reaches
// everything at once.
class QueryStream {
  public:
    virtual ~QueryStream() = default;
    // Names in select order, duplicates kept. FieldIds in the batches are 1, 2, ...
    virtual const std::vector<ResultColumn>& columns() const = 0;
    // Blocks for the next rows; nullopt is the end. After an error or the end: the same again.
    virtual Result<std::optional<ColumnBatch>> next() = 0;
    // The cut the result reflects: table name -> partition -> next offset (rows below it are in). Known from
    // the start.
    virtual const std::map<std::string, std::map<std::uint32_t, Offset>>& offsets() const = 0;
    // How many records of these partitions were visible beyond the cut when it was taken, by table.
    virtual const std::map<std::string, std::uint64_t>& behind() const = 0;
    // Set when all rows are those of one slave, as they are, and none was taken yet.
    virtual FragmentStream* untouched() const { return nullptr; }
};

struct CoordinatorOptions {
    std::chrono::milliseconds pin_lease{120'000};
    std::shared_ptr<const SystemTables> system_tables = nullptr;  // none: there are none
};

// What must be visible before a cut can be taken.
struct AwaitedOffsets {
    std::shared_ptr<const TableMeta> table;
    std::map<std::uint32_t, Offset> offsets;  // partition -> next offset
};

class QueryCoordinator {
  public:
    virtual ~QueryCoordinator() = default;
    // `database` is the master's own: no readable folders. `runner` outlives the coordinator.
    static std::unique_ptr<QueryCoordinator> create(std::shared_ptr<DuckDatabase> database,
                                                    FragmentRunner& runner, CoordinatorOptions options = {});
    // Of a statement with min_offsets or as_of. run() waits for them too, but with all that a running query
    // holds; who waits first waits without. Asks no slave. Errors as run() says them of such a statement.
    virtual Result<AwaitedOffsets> awaited(std::string_view sql, const TableLookup& lookup,
                                           const QueryOptions& options) = 0;
    // `sql` is a SELECT (or EXPLAIN SELECT), a final `;` allowed, with as many parameters as the options have
    // values. `cancel` is never null and is shared with
    // the stream. The coordinator and what `lookup` gives outlive the call; the coordinator outlives the
    // stream.
    virtual Result<std::unique_ptr<QueryStream>> run(std::string_view sql, const TableLookup& lookup,
                                                     const QueryOptions& options,
                                                     std::shared_ptr<QueryCancel> cancel) = 0;
    // The same statement without running it; no slave is asked. The parameters need no values, those given
    // help to tell the types of columns that depend on them.
    virtual Result<StatementShape> describe(std::string_view sql, const TableLookup& lookup,
                                            const QueryOptions& options,
                                            std::shared_ptr<QueryCancel> cancel) = 0;
};

}  // namespace dl::master
