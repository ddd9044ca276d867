// Limits on the text of a statement, checked before DuckDB's parser sees it: some forms take it quadratic or
// exponential time, and it cannot be interrupted. Pure.
#pragma once

#include <string_view>

#include "common/base/error.h"

namespace dl {

// LIMIT_EXCEEDED names the limit, SYNTAX_ERROR bytes that are not UTF-8 text.
Result<void> check_sql_text(std::string_view sql);

// What is left of `sql` behind blanks and comments.
std::string_view skip_sql_blanks(std::string_view sql);

}  // namespace dl
