// What a table is: identity and schema, as the catalog knows it and as a slave keeps it. Where its partitions
// lie is a TablePlacement. JSON codec for the RPCs and the slave's table.json (docs/formats/table-meta.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/hash.h"
#include "common/base/ids.h"
#include "common/meta/placement.h"
#include "common/types/schema.h"

namespace dl {

struct TableMeta {
    TableId id;
    // Random; with the id it names this table and no other, whichever catalog made it. 0: not known (format
    // 1).
    std::uint64_t incarnation = 0;
    std::string name;  // lower-case
    Schema schema;     // current
    std::uint32_t partition_count = 1;
    std::uint32_t copies = 1;
    FieldId next_field_id{1};
    std::string partition_hash{kPartitionHashName};
    std::uint64_t index_hash_seed = 0;
    // slot -> partition, kSlotCount entries. Default: slot * partition_count / kSlotCount.
    std::vector<std::uint16_t> slot_map;

    PartitionId partition_of(std::string_view canonical_key_bytes) const {
        return PartitionId{slot_map[slot_of(dl::partition_hash(canonical_key_bytes))]};
    }
};

std::vector<std::uint16_t> default_slot_map(std::uint32_t partition_count);
std::string table_meta_to_json(const TableMeta& meta);
// CORRUPT_DATA when a field is missing, unknown or inconsistent. Format 1 held the leader epochs too: they go
// to `epochs`, when it is not null.
Result<TableMeta> table_meta_from_json(std::string_view json, LeaderEpochs* epochs = nullptr);

}  // namespace dl
