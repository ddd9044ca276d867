// How a value of a column type lies in a Parquet column, the way from the file into a batch.
#pragma once

#include <string_view>

#include "common/record/column_batch.h"
#include "slave/parquet/parquet_footer.h"

namespace dl::slave {

// Do we know how a value of `type` lies in a column like this?
bool parquet_cell_fits(DataType type, const ParquetColumn& column);

// Appends a value in PLAIN form: fixed types as wide as the column stores them, byte arrays without their
// length, booleans one byte. The column must fit.
void append_parquet_cell(ColumnBatchBuilder& builder, std::size_t column, DataType type,
                         std::string_view bytes);

}  // namespace dl::slave
