// Bytes as PostgreSQL writes them, '\x4142', in SELECTs. Pure.
#pragma once

#include "common/base/error.h"
#include "common/duck/select_ast.h"
#include "master/sql/query_planner.h"

namespace dl::master {

// NOT_SUPPORTED: such a text is compared with a binary column of the tables, to which it would be one byte
// and a text. Names the way. Where a column of another type has the same name, nothing is said.
Result<void> check_hex_texts(const SelectAst& ast, const QueryTables& tables);

}  // namespace dl::master
