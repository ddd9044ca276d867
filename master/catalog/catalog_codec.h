// How slot maps and placements lie in the columns of the catalog: docs/formats/catalog.md. CORRUPT_DATA for
// what is neither. No state; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/meta/placement.h"
#include "common/meta/table_meta.h"
#include "master/catalog/sqlite_database.h"

namespace dl::master {

// As SQLite's integers hold it.
inline std::int64_t catalog_id(TableId table) {
    return static_cast<std::int64_t>(table.value);
}

std::string encode_catalog_slot_map(const std::vector<std::uint16_t>& slots);
Result<std::vector<std::uint16_t>> decode_catalog_slot_map(const std::string& bytes,
                                                           std::uint32_t partition_count);

Result<TableHistory> decode_catalog_history(const std::string& table, std::int64_t hours, std::int64_t bytes);

inline constexpr const char* kCatalogPlacementColumns =
    "version, leader, leader_epoch, last_leader, in_sync, eligible, replicas, adding, removing, min_in_sync";
// These columns, from `first` on.
Result<PartitionPlacement> decode_catalog_placement(const SqliteStatement& row, int first);
void bind_catalog_placement(SqliteStatement& statement, int first, const PartitionPlacement& placement);

}  // namespace dl::master
