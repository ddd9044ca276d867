// SELECT nodes over one table that need only some of its rows: the first of an order, any few, or the
// distinct ones. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "master/sql/pushable_expression.h"

namespace dl::master {

struct RowReduction {
    // What each slave runs: SELECT * with WHERE, ORDER BY and LIMIT, or SELECT DISTINCT of `columns`.
    Json fragment;
    // Of a DISTINCT, in order: the only columns the slaves send. Empty: whichever the master asks for.
    std::vector<std::string> columns;
    // The node as the master runs it over their rows; FROM is unchanged.
    Json node;
};

// nullopt when the node is of another form, or when not certain.
std::optional<RowReduction> push_top_n(const Json& select_node, const TableScope& scope,
                                       const SqlFunctions& functions);
std::optional<RowReduction> push_distinct(const Json& select_node, const TableScope& scope,
                                          const SqlFunctions& functions);

}  // namespace dl::master
