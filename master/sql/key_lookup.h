// Which tables of a SELECT need only the rows of known keys: their WHERE says `key = constant` or
// `key IN (constants)`. Those are found through the key index, on the partitions the keys hash to. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/duck/point_select.h"
#include "common/duck/select_ast.h"
#include "common/meta/table_meta.h"
#include "master/sql/query_planner.h"

namespace dl::master {

// The partitions these keys (text forms) hash to, as inserts place them. INVALID_VALUE for one that is no
// value of the key column.
Result<KeyLookup> locate_keys(const TableMeta& table, std::vector<std::string> keys);

// Only tables that the statement names once, so that leaving their other rows out changes nothing: in the
// FROM of a SELECT by itself or in inner joins, with the condition among the AND-parts of that SELECT's
// WHERE.
std::map<std::string, KeyLookup> find_key_lookups(const SelectAst& ast, const QueryTables& tables);

// The same for the plainest lookups; nullopt when the table has not these columns or this key.
std::optional<KeyLookup> point_lookup(const PointSelect& select, const TableMeta& table);

// The plainest lookups are understood without a parser; slaves do the same with them. They have no names to
// fold. nullopt for any other statement. Does not block when `lookup` does not.
struct FoundPoint {
    std::shared_ptr<const TableMeta> table;
    KeyLookup keys;
};
std::optional<FoundPoint> find_point(std::string_view sql, const TableLookup& lookup);

}  // namespace dl::master
