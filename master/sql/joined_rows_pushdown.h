// SELECT nodes over a join that need only some of its rows: the first of an order, any few, or the distinct
// ones. The slaves compute the select list for their part of the join and send what can be among these rows.
// Pure. What is not fully understood is not split.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "master/sql/pushable_expression.h"

namespace dl::master {

struct JoinedRowsSplit {
    Json fragment;  // SELECT over `source.from`; its columns are named dl_c0.. (select list) and dl_o0..
                    // (order)
    Json node;      // SELECT over a table `view` with these columns
};

// `names` are those of the node's result columns.
std::optional<JoinedRowsSplit> split_joined_rows(const Json& select_node, const RowSource& source,
                                                 const std::string& view,
                                                 const std::vector<std::string>& names);

}  // namespace dl::master
