// Tables of a query that are looked up by key instead of scanned.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/duck/scan_source.h"
#include "slave/query/query_views.h"

namespace dl::slave {

// Hashes of keys given in their text form. INVALID_VALUE for one that is not of the key's type.
Result<std::vector<Hash128>> hash_key_texts(const TableMeta& table, std::span<const std::string> texts);

// The rows of `keys` in a pinned table, with at least those of `fields` that are stored. nullopt: the cut
// cannot be looked up, scan it.
Result<std::optional<std::vector<ScanUnit>>> find_rows(const PinnedTable& pinned,
                                                       std::span<const Hash128> keys,
                                                       std::span<const Field> fields);

// Units held in memory, as a table with these columns.
std::shared_ptr<ScanSource> units_as_source(std::vector<ScanColumn> columns, std::vector<ScanUnit> units);

}  // namespace dl::slave
