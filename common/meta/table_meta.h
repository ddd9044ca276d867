// What the catalog knows of a table, and what a slave keeps of it. JSON codec for the catalog, the RPCs and
// the slave's table.json (docs/formats/table-meta.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/hash.h"
#include "common/base/ids.h"
#include "common/types/schema.h"

namespace dl {

// Nodes are named by their address as configured in slave.nodes, "host:port".
struct PartitionPlacement {
    std::string leader;
    std::vector<std::string> followers;  // empty until replication is built
    LeaderEpoch leader_epoch{1};
};

struct TableMeta {
    TableId id;
    std::string name;  // lower-case
    Schema schema;     // current
    std::uint32_t partition_count = 1;
    std::uint32_t copies = 1;
    FieldId next_field_id{1};
    std::string partition_hash{kPartitionHashName};
    std::uint64_t index_hash_seed = 0;
    // slot -> partition, kSlotCount entries. Default: slot * partition_count / kSlotCount.
    std::vector<std::uint16_t> slot_map;
    std::vector<PartitionPlacement> partitions;  // by partition id

    PartitionId partition_of(std::string_view canonical_key_bytes) const {
        return PartitionId{slot_map[slot_of(dl::partition_hash(canonical_key_bytes))]};
    }
};

std::vector<std::uint16_t> default_slot_map(std::uint32_t partition_count);
std::string table_meta_to_json(const TableMeta& meta);
// CORRUPT_DATA when a field is missing, unknown or inconsistent.
Result<TableMeta> table_meta_from_json(std::string_view json);

}  // namespace dl
