// Which columns of a table a statement names: those it needs at most. Pure.
#pragma once

#include <vector>

#include "master/sql/fragment.h"
#include "master/sql/query_ast.h"

namespace dl::master {

// Positions of the columns of `fragment`, which the tree reads under the name `fragment.view`, that it names
// anywhere; all when it may mean more than it names (`*`, NATURAL, a whole row).
std::vector<std::size_t> named_columns(const Json& tree, const Fragment& fragment);

}  // namespace dl::master
