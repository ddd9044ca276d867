// time_bucket_gapfill(), locf() and interpolate() in a SELECT that groups: the buckets of a range of times,
// also those without rows, and values for them. The node is written anew as one that joins the buckets and
// the groups with the grouped rows, so that planner and engine see nothing special. Thread-safe; blocking
// like SelectAst::parse().
#pragma once

#include "common/base/error.h"
#include "common/duck/duck_database.h"
#include "master/sql/query_ast.h"

namespace dl::master {

// Does the node itself, not a subquery of it, call one of them?
bool fills_gaps(const Json& select_node);

// NOT_SUPPORTED says what is missing and what to write: no GROUP BY with the bucket in it, a range that the
// statement does not bound, a time zone, several kinds of buckets.
Result<void> fill_gaps(DuckDatabase& database, Json& select_node);

}  // namespace dl::master
