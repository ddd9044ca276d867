// Every record of a closed tail segment, in offset order, as a Parquet file: columns `_offset`, `_delete`,
// `_time`, then `f<id>` per field (docs/formats/snapshot-file.md).
#pragma once

#include <string>
#include <vector>

#include "common/io/file_system.h"
#include "common/types/schema.h"
#include "slave/index/tail_segment.h"

namespace dl::slave {

// The columns a snapshot file of these rows needs: the fields of `schema` that any batch has, and those of
// batches newer than `schema` (id >= next_field). Fields dropped since are left out. A field has the widest
// type that it has in `schema` and the batches.
std::vector<Field> segment_fields(const TailSegment& segment, const Schema& schema, FieldId next_field);

// A batch of one row with the value of records that lack the field; without rows it is NULL.
Result<ColumnBatch> default_row(const Field& field);

// Writes and syncs the file, which must not exist; the caller syncs the directory. Batches that lack a field
// give its default. Blocking; memory: that of a row group (kParquetRowGroupBytes, or one longer row).
Result<void> write_segment_file(FileSystem& files, const std::string& path, const TailSegment& segment,
                                const std::vector<Field>& fields);

}  // namespace dl::slave
