// Paths for functions that take patterns. Pure.
#pragma once

#include <string>
#include <string_view>

namespace dl {

// The pattern that matches this path alone, where *, ? and [ begin one. DuckDB does not find a path with a
// backslash beside one of these.
std::string literal_glob(std::string_view path);

}  // namespace dl
