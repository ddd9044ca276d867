// Lists, structures and maps of a Parquet file as JSON texts: what DuckDB's own way would change or leave
// standing. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace datalake::cli {

// The DuckDB type with its decimals as wide as they can be; nothing when it has none. Its JSON is written
// through a double for narrow ones: 1.10 would be 1.1.
std::optional<std::string> with_wide_decimals(std::string_view duck_type);
// Whether a value of the DuckDB type may have a map in it.
bool may_have_map(std::string_view duck_type);
// The key (as it is written) that an object in the JSON text has twice. The text is well-formed.
std::optional<std::string_view> repeated_json_key(std::string_view json);

}  // namespace datalake::cli
