// Values of a column of DuckDB's as fields of a row to be loaded: which type of ours a column gets, how SQL
// has to read it, and what turns its values into text. No state; any thread.
#pragma once

#include <duckdb.h>

#include <functional>
#include <string>
#include <string_view>

#include "common/types/data_type.h"
#include "data-lake-client/cli/load/row_source.h"

namespace datalake::cli {

// How a column of a file is read.
struct ParquetMapping {
    std::string ours;       // empty: no type of ours
    std::string cast;       // SQL type to read it as; empty: its own
    std::string text_cast;  // the same for a string column; empty: its values have no text of their own
    // Of nested values that are cast to JSON: a type to cast them to first; empty: none.
    std::string wide = {};
    bool has_map = false;
};
ParquetMapping map_parquet_type(duckdb_logical_type type);
// Of types without one of ours, as a message names them.
std::string_view parquet_type_word(duckdb_logical_type type);

// A value that is not NULL, into a field; false: `reason` says why it cannot be kept.
using ParquetValueReader =
    std::function<bool(const void* data, idx_t row, std::string& scratch, Field& field, std::string& reason)>;
// Lists, structures and maps, cast to JSON. `has_map`: there may be maps, which may have a key twice.
ParquetValueReader parquet_json_reader(bool has_map);
// `exact`: the values are of the column's own type and need no further look.
ParquetValueReader parquet_value_reader(duckdb_logical_type type, bool exact, dl::TypeKind target);

// Of a vector of texts.
std::string_view duck_string_at(const void* data, idx_t row);

}  // namespace datalake::cli
