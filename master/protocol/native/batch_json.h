// JSON rows on a tape -> PartitionedBatch. See docs/protocol.md, sections 2 and 4, for what is refused.
#pragma once

#include "master/catalog/catalog_table.h"
#include "master/protocol/native/json_request.h"
#include "master/routing/partitioned_batch.h"

namespace dl {

// For requests whose statement is "insert" (one row) or "batch_insert" (array under "data"). Errors are
// INVALID_VALUE / COLUMN_NOT_FOUND / INVALID_REQUEST naming row index (from 0), column, value and type. In
// JSON an explicit null is NULL, an absent column its DEFAULT or NULL.
Result<PartitionedBatch> parse_json_rows(const JsonRequest& request, const master::CatalogTable& table);

}  // namespace dl
