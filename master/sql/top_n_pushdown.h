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

// Does every row of FROM that passes WHERE give one row of its own?
bool is_row_by_row(const Json& select_node, const SqlFunctions& functions);
// What a term of ORDER BY stands for: positions and names of the select list first, as the engine does it.
// nullopt when not certain.
std::optional<Json> order_term(const Json& term, const Json& select_list);
// Of LIMIT and OFFSET: how many rows of a slave can be among those asked for. nullopt when the statement does
// not tell, or too many.
std::optional<std::int64_t> rows_within_limit(const Json& modifier);

// nullopt when the node is of another form, or when not certain.
std::optional<RowReduction> push_top_n(const Json& select_node, const TableScope& scope,
                                       const SqlFunctions& functions);
std::optional<RowReduction> push_distinct(const Json& select_node, const TableScope& scope,
                                          const SqlFunctions& functions);

}  // namespace dl::master
