// Splits a SELECT node that aggregates one table, or its join with tables that go along: the slaves group and
// send one row of partial aggregates a group, the master combines them and does the rest (HAVING, grouping
// sets, ORDER BY, windows over groups). Pure. What is not fully understood is not split.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "master/sql/pushable_expression.h"

namespace dl::master {

// What the engine says about the node before it is split.
struct AggregateFacts {
    std::vector<std::string> names;  // of the node's result columns
    // DuckDB's name of the type of an expression over the rows of the slaves; "" when it has none.
    std::function<std::string(const Json& expression)> type_of;
};

struct AggregateSplit {
    Json
        fragment;  // SELECT over `source.from`; its columns are named dl_g0.. (groups) and dl_p0.. (partials)
    Json node;     // SELECT over a table `view` with these columns
};

// Does the node aggregate at all?
bool is_aggregating(const Json& select_node, const SqlFunctions& functions);
// What its aggregates are computed of, as slaves may compute it, and whose type decides how they are split.
std::vector<Json> aggregated_expressions(const Json& select_node, const RowSource& source);
std::optional<AggregateSplit> split_aggregate(const Json& select_node, const RowSource& source,
                                              const std::string& view, const AggregateFacts& facts);

}  // namespace dl::master
