// Limits on the text of a statement, checked before DuckDB's parser sees it: some forms take it quadratic or
// exponential time, and it cannot be interrupted. Pure.
#pragma once

#include <string_view>

#include "common/base/error.h"

namespace dl {

namespace limits {
inline constexpr std::size_t sql_nesting_max = 200;  // parentheses, brackets, braces open at the same time
inline constexpr std::size_t sql_with_nesting_max =
    5;  // WITH inside WITH: the parser's time grows fourfold with each
inline constexpr std::size_t sql_common_tables_max = 64;   // WITH entries of a statement
inline constexpr std::size_t sql_conjunctions_max = 5000;  // AND and OR of a statement
}  // namespace limits

// LIMIT_EXCEEDED names the limit, SYNTAX_ERROR bytes that are not UTF-8 text.
Result<void> check_sql_text(std::string_view sql);

// What is left of `sql` behind blanks and comments.
std::string_view skip_sql_blanks(std::string_view sql);

}  // namespace dl
