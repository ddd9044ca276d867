// How one aggregate is computed in two steps: what the slaves compute for their rows of a group, and what
// the master makes of these values. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "master/sql/query_ast.h"

namespace dl::master {

// An aggregate call whose arguments and filter name bare columns of the table.
struct AggregateCall {
    std::string name;  // lower-case
    std::vector<Json> arguments;
    std::optional<Json> filter;
    bool distinct = false;
};

// Where the values of the two steps meet.
struct PartialColumns {
    // The column that holds this aggregate of the slaves' rows.
    std::function<Json(const AggregateCall& partial)> partial;
    // The column that holds this expression, by which the slaves group.
    std::function<Json(const Json& expression)> group;
    // DuckDB's name of the type of an expression over the table; "" when it has none.
    std::function<std::string(const Json& expression)> type_of;
};

// The expression over partial columns that gives the value of `call`; nullopt when it has no such form.
std::optional<Json> combined_aggregate(const AggregateCall& call, const PartialColumns& columns);

// The call as an expression.
Json aggregate_expression(const AggregateCall& call);

}  // namespace dl::master
