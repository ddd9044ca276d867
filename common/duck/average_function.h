// dl_average(sum, rows, scale, narrow): the mean of whole numbers or decimals from their exact sum and their
// count, with the rounding of DuckDB's own avg(). For plans that add up on several nodes.
#pragma once

#include "common/duck/duck_registry.h"

namespace dl::duck {

// `sum` is HUGEINT or a decimal of 38 digits; `scale` its digits behind the point; `narrow` is not 0 for
// types of two bytes, which avg() adds up in double. NULL without rows.
Result<void> register_average(duckdb_connection connection);

}  // namespace dl::duck
