// Which rows of a table the slaves may leave out: the terms of WHERE and ON that look at this table alone.
// The master keeps all of them, so what is pushed only has to keep every row that could pass. Pure.
#pragma once

#include <map>

#include "master/sql/pushable_expression.h"

namespace dl::master {

// Node of FROM -> terms, over bare column names, that hold for every row of it that can take part. A term
// that could raise an error is pushed as COALESCE(TRY(term), true): the row is left to the master.
std::map<const Json*, std::vector<Json>> pushable_filters(const Json& select_node, const TableScope& scope,
                                                          const SqlFunctions& functions);

}  // namespace dl::master
