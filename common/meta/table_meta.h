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

// How much of its past a table keeps: every record, deletes and replaced ones too, readable by its offset.
// Whichever limit is reached first lets records go.
struct TableHistory {
    static constexpr std::uint32_t kHoursDefault = 72;
    static constexpr std::uint32_t kHoursMax = 876'000;
    static constexpr std::uint64_t kBytesMax = std::uint64_t{1} << 60;
    std::uint32_t hours = kHoursDefault;  // since a record was appended; 0: no longer than needed otherwise
    std::uint64_t bytes = 0;              // of log files, shared equally by the partitions; 0: no limit
    friend bool operator==(const TableHistory&, const TableHistory&) = default;
};

// What a column was called before. With the others of its table it says what the column was called in every
// schema, which is how a renamed column is told from another one that has got its id.
struct FormerName {
    static constexpr std::size_t kPerTableMax = 1000;
    FieldId field;
    SchemaId until;  // the schema that brought the next name
    std::string name;
    friend bool operator==(const FormerName&, const FormerName&) = default;
};

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
    TableHistory history;
    // Of the columns that are there, by ascending `until`; at most FormerName::kPerTableMax.
    std::vector<FormerName> former_names;

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
