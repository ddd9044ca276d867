// Joins small column batches into one, column by column: many single-row appends become one record batch,
// small chunks of the tail become a large one. Pure.
#pragma once

#include <span>

#include "common/record/column_batch.h"

namespace dl {

// Same columns in the same order, field ids and types?
bool same_columns(const ColumnBatch& a, const ColumnBatch& b);

// The rows of all batches in order. They must have the same columns (same_columns) and at least one row
// together. LIMIT_EXCEEDED when one column's heap would pass 4 GiB.
Result<ColumnBatch> concat_batches(std::span<const ColumnBatch> batches);

}  // namespace dl
