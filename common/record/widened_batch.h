// Rows that were written before a column got a wider type (common/types/wider_type.h), as the table has it
// now. What is stored stays as it is; readers convert. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>

#include "common/record/column_batch.h"
#include "common/types/schema.h"

namespace dl {

// Appends a value (not NULL) of a column of the same type or a narrower one as one of type `to`.
void append_widened(ColumnBatchBuilder& builder, std::size_t column, DataType to, const ColumnView& from,
                    std::uint32_t row);

// The batch with every column converted that `fields` has in a wider type; columns that are not among them,
// or whose types are not wider, stay. The batch itself, uncopied, when there is nothing to convert.
Result<ColumnBatch> widened_batch(const ColumnBatch& batch, std::span<const Field> fields);

}  // namespace dl
