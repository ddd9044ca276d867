// A table of a query as SQL over what a pinned cut holds of it on this node: Parquet files, with a liveness
// predicate only where a file has dead rows, and the tails. Decides only; what it names is registered with
// the session.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/duck/duck_database.h"
#include "common/meta/table_meta.h"
#include "slave/partition/read_view.h"

namespace dl::slave {

// The body of a view with the columns of `table` in order. A column that a file has not (it was added later)
// shows its DEFAULT. Files with the same columns and no dead rows are read by one scan.
std::string view_body_sql(const TableMeta& table, const std::vector<std::shared_ptr<const ReadView>>& views,
                          DuckSession& session);

// The same for a table of which only these rows are wanted.
std::string found_rows_sql(const TableMeta& table, std::vector<ScanUnit> units, DuckSession& session);

}  // namespace dl::slave
