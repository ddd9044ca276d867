// Reading the immutable Parquet files of a partition (docs/formats/snapshot-file.md) through DuckDB.
// Blocking: background pool. Columns: `_offset` BIGINT, `_delete` BOOLEAN, `_time` TIMESTAMP, then
// `f<field id>` per field; rows ascend by _offset. A row's number in the file is its position in that order.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/duck/duck_database.h"
#include "common/types/schema.h"

namespace dl {

inline std::string parquet_field_name(FieldId field) {
    return "f" + std::to_string(field.value);
}
// SQL string literal with quotes doubled.
std::string sql_literal(std::string_view text);
// Identifier in double quotes.
std::string sql_identifier(std::string_view name);
// DuckDB's name of a type: INTEGER, BIGINT, FLOAT, DOUBLE, BOOLEAN, VARCHAR, TIMESTAMP, DATE, DECIMAL(p,s),
// BLOB.
std::string duck_type_name(DataType type);
// `CAST('text' AS TYPE)` for a default, `CAST(NULL AS TYPE)` without one; binary defaults are base64 text.
std::string sql_default(const Field& field);

// The table function that reads exactly these files: nothing in a path is taken for a pattern, nor a folder
// called `f2=x` for a column; only a backslash beside one of *?[ in one path is not found. `options`: further
// ones, e.g. "file_row_number = true". The only way our own statements name files.
std::string sql_parquet_files(std::span<const std::string> paths, std::string_view options = {});
inline std::string sql_parquet_file(const std::string& path, std::string_view options = {}) {
    return sql_parquet_files({&path, 1}, options);
}

// True for the rows that the filter of this handle keeps. `numbers`, a BIGINT column without NULLs, is what
// the filter is given: of read_parquet(..., file_row_number = true) the row numbers. A comparison: DuckDB
// selects by those without branches, by a boolean with one a row.
std::string sql_alive(std::uint64_t filter_handle, std::string_view numbers = "file_row_number");
// The same for a filter that counts on being asked once for each row, and in the order of a scan of one
// thread.
std::string sql_kept(std::uint64_t filter_handle, std::string_view numbers);

// What readers of tables skip as a whole, with one dictionary a column: DuckDB's own size. A lookup of one
// row unpacks parts of a page, which is much smaller.
inline constexpr std::uint32_t kParquetRowGroupRows = 122'880;
// Of long rows, and of tables with many columns, fewer: writers hold a group in memory, readers a chunk of
// it.
inline constexpr std::uint64_t kParquetRowGroupBytes = 16u << 20;

// The rows of `path` with _offset >= from, at most max_rows, ascending, as one batch with `fields` (those the
// file has; others are left out), plus their offsets and append times. `file_fields` are the fields the file
// has.
struct ParquetRows {
    ColumnBatch batch;  // delete bits set from _delete
    std::vector<Offset> offsets;
    std::vector<std::int64_t> append_times_us;
};
Result<ParquetRows> read_parquet_rows(DuckDatabase& database, const std::string& path, Offset from,
                                      std::uint32_t max_rows, const std::vector<Field>& file_fields);

// A database for our own statements: file access open, no extension loading. Never given SQL text from
// outside.
Result<std::shared_ptr<DuckDatabase>> writable_duck_database(std::uint64_t memory_bytes_max,
                                                             unsigned threads);
// The one that reads our files: its one thread gives the rows of a list of files in their order, without
// holding any back. Nothing is known of the order of a UNION ALL.
Result<std::shared_ptr<DuckDatabase>> file_duck_database(std::uint64_t memory_bytes_max);
// `usual`, one of those, when its memory suffices for files whose largest row group has so many bytes (stored
// and plain together); else one with what it takes, so that every row that was once accepted can be read
// again. Of the latter there is one at a time in the process for each use: this waits until the one before is
// let go of. `wanted`, if any, is asked while it waits; its error ends that. A thread that holds one asks for
// no other.
enum class WideFileUse : std::uint8_t { read, check, compaction };
Result<std::shared_ptr<DuckDatabase>> file_database_for(const std::shared_ptr<DuckDatabase>& usual,
                                                        std::uint64_t group_bytes, WideFileUse use,
                                                        const std::function<Result<void>()>& wanted = {});
// A `wanted` of who has somebody waiting for it: OVERLOADED from so long after this call on.
std::function<Result<void>()> give_up_after(std::chrono::milliseconds wait);
inline constexpr std::chrono::seconds kWideReadWaitMax{5};

}  // namespace dl
