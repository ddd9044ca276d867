// Statements of few rows, run in one go: DuckDB plans a statement that is prepared and then streamed twice,
// one that it runs at once a single time, but holds all of its result in memory.
#pragma once

#include <memory>
#include <string>

#include "common/duck/duck_database.h"
#include "common/duck/select_ast.h"

namespace dl {

// That it gives one row at most, as far as its tree tells: aggregates without groups, or no table at all.
// Pure.
bool gives_one_row(const SelectAst& ast);

// As DuckSession::query(), of a statement that the gate has let through. Of a result with types that have to
// be cast first it streams instead.
Result<std::unique_ptr<DuckResult>> query_at_once(DuckSession& session, const std::string& sql);

}  // namespace dl
