// What EXPLAIN tells before the engine's own plan. Pure.
#pragma once

#include "common/record/column_batch.h"
#include "master/sql/fragment_planner.h"
#include "master/sql/query_planner.h"

namespace dl::master {

// "route | which way" and what each fragment asks for. `counted`: no row is read.
Result<ColumnBatch> explain_rows(const QueryPlan& plan, const FragmentPlan& fragments, bool counted);

}  // namespace dl::master
