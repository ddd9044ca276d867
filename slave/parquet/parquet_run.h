// Rows of a snapshot file one after the other, for stream_read: from the file that is open already, its
// footer parsed, without DuckDB. Blocking; thread-safe.
#pragma once

#include <span>

#include "common/duck/parquet_file.h"
#include "slave/parquet/parquet_row_reader.h"

namespace dl::slave {

// At most so many rows come at once; a caller that wants more asks again.
inline constexpr std::uint32_t kParquetRunRows = 16'384;
// Plain bytes of the pages they lie in.
inline constexpr std::uint64_t kParquetRunBytes = 64u << 20;

// As read_parquet_rows(): the rows with _offset >= from, ascending, at most `max_rows` and those of one row
// group; none behind the last one. NOT_SUPPORTED: read_parquet_rows() can. CORRUPT_DATA names file and
// column; pages are compared with their checksums. Memory: the pages of the rows, at most kParquetRunBytes.
// Who goes on where the rows ended gets them from decoded ones for a while (parquet_run_windows.h).
Result<ParquetRows> read_parquet_run(const ParquetRowReader& file, Offset from, std::uint32_t max_rows,
                                     std::span<const Field> fields);

}  // namespace dl::slave
