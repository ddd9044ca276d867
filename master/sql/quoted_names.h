// Names in backticks, as MySQL and ClickHouse have them. Pure.
#pragma once

#include <string>
#include <string_view>

namespace dl::master {

// The statement with double quotes around the names that have backticks. Texts, comments and names in double
// quotes stay.
std::string with_double_quotes(std::string_view sql);
inline bool has_backticks(std::string_view sql) {
    return sql.find('`') != std::string_view::npos;
}

}  // namespace dl::master
