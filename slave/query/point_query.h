// Answers the plainest lookups by key (common/duck/point_select.h) from the key index alone, without DuckDB.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "slave/query/fragment_engine.h"

namespace dl::slave {

struct PointAnswer {
    std::vector<ResultColumn> columns;
    std::optional<ColumnBatch> rows;  // FieldIds 1, 2, ... in select order; none when there are no rows
};

// nullopt: the statement or the cut is of another kind. `names` as in FragmentQuery. Blocking.
Result<std::optional<PointAnswer>> answer_point_select(const std::string& sql,
                                                       const std::map<std::string, TableId>& names,
                                                       const QueryView& view);

// The answer as the rows of a query.
std::unique_ptr<QueryRows> rows_of(PointAnswer answer);

}  // namespace dl::slave
