// `SELECT count(*) FROM t`, of a whole table, perhaps beside constants: who knows how many rows the table has
// answers it without reading any. Pure but for the SQL text.
#pragma once

#include <cstdint>
#include <string>

#include "common/duck/select_ast.h"

namespace dl {

// One table with or without an alias, counted at least once; nothing else is asked of it: no WHERE, GROUP BY,
// FILTER, SAMPLE, ORDER BY, LIMIT, no column.
bool counts_whole_table(const SelectAst& ast);

// The same statement (which counts_whole_table()) as text without the table, its counts being `rows`: columns
// keep names and types.
Result<std::string> with_count(const SelectAst& ast, std::uint64_t rows, DuckDatabase& database);

}  // namespace dl
