// Whether a statement may ask for its cut.
#pragma once

#include "master/sql/query_planner.h"

namespace dl::master {

// INVALID_REQUEST when the cut options do not fit the statement, PARTITION_NOT_FOUND for a partition that the
// table has not. plan_query() asks it too.
Result<void> check_cut(const QueryTables& tables, const CutOptions& cut);

}  // namespace dl::master
