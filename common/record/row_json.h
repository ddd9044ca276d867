// A row of a query result as JSON. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "common/record/column_batch.h"

namespace dl {

// Query rows: `names` are the JSON-escaped column names with quotes, in select order; appends
// {"a":1,"b":"x"}.
void append_row_json(std::string& out, std::span<const std::string> names, const ColumnBatch& batch,
                     std::uint32_t row);

}  // namespace dl
