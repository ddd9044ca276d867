// Text of an `sql` statement -> SqlStatement. Pure. SYNTAX_ERROR names position (from 1), what stands there,
// what was expected and, for a typing error, the keyword that was probably meant. SELECTs are recognised by
// their first word and passed on whole: the query gate reads them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "master/sql/ddl_statement.h"

namespace dl::master {

Result<SqlStatement> parse_sql_statement(std::string_view sql);
// What stands behind `explain analyze`; nullopt for any other statement.
std::optional<std::string> analyzed_select(std::string_view sql);

}  // namespace dl::master
