// Which columns of a SELECT are plainly columns of tables. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/ids.h"
#include "common/duck/select_ast.h"
#include "master/sql/query_planner.h"

namespace dl::master {

struct ColumnOrigin {
    std::string table;
    FieldId field;
};

// By column of the result. Known are those of one SELECT whose FROM names the table itself, with others or
// not: `*`, `t.*` (also with EXCLUDE, REPLACE and RENAME; not over columns that USING or NATURAL merges) and
// columns by their names, also with an alias. Nothing of UNION and the like, subqueries, CTEs and views, and
// of any expression. Empty: nothing is known, how many columns there are neither.
std::vector<std::optional<ColumnOrigin>> column_origins(const SelectAst& ast, const QueryTables& tables);

}  // namespace dl::master
