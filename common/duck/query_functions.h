// Which of DuckDB's functions a SELECT of a user may call: those that compute from their arguments and the
// rows of tables alone. Everything else is refused, what a newer DuckDB brings included, until it was looked
// at. Pure.
#pragma once

#include <span>
#include <string_view>

namespace dl {

// Sorted, in lower case; operators are functions too ("+", "~~").
std::span<const std::string_view> query_functions();

bool is_query_function(std::string_view lower_name);

}  // namespace dl
