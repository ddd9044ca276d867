// How many rows a table has, where that is known without reading them: without DuckDB and without a process.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "slave/query/point_query.h"

namespace dl::slave {

// Live rows of all partitions of the cut; nullopt where one of them has to be read for it, or where the
// query wants some keys only.
std::optional<std::uint64_t> rows_known(const PinnedTable& table);

// The answer to `SELECT count(*) [AS n] FROM t`, as DuckDB would give it. nullopt: the statement is written
// in any other way, or the count is not known. `names` as in FragmentQuery.
Result<std::optional<PointAnswer>> answer_count(const std::string& sql,
                                                const std::map<std::string, TableId>& names,
                                                const QueryView& view);

}  // namespace dl::slave
