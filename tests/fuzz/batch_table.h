// The table of the batch targets: every type, NOT NULL, DEFAULT, four partitions.
#pragma once

#include <string>

#include "master/routing/partitioned_batch.h"
#include "tests/fuzz/fuzz_support.h"

namespace dl {

inline const TableMeta& fuzz_table() {
    static const TableMeta table = [] {
        TableMeta t;
        t.id = TableId{1};
        t.name = "t";
        t.schema.id = SchemaId{1};
        std::uint32_t id = 1;
        const std::pair<const char*, const char*> columns[] = {
            {"id", "string"},        {"n", "int"},      {"l", "long"},
            {"f", "float"},          {"d", "double"},   {"b", "boolean"},
            {"ts", "timestamp"},     {"dt", "date"},    {"p", "decimal(9,2)"},
            {"q", "decimal(38,10)"}, {"bin", "binary"}, {"must", "string"}};
        for (const auto& [name, type] : columns)
            t.schema.fields.push_back({FieldId{id++}, name, *parse_type(type), false, {}});
        t.schema.fields[1].default_text = "7";
        t.schema.fields.back().not_null = true;
        t.schema.fields.back().default_text = "here";
        t.partition_count = 4;
        for (std::uint32_t slot = 0; slot < kSlotCount; ++slot)
            t.slot_map.push_back(slot * 4 / kSlotCount);
        return t;
    }();
    return table;
}

// The rows again as a batch_insert request, every column given; "" when there are none.
inline std::string as_json_request(const PartitionedBatch& batch) {
    std::string json;
    std::uint64_t rows = 0;
    std::uint32_t last_partition = 0;
    for (const auto& part : batch.partitions) {
        DL_CHECK(rows == 0 || part.partition.value > last_partition, "partitions ascend");
        last_partition = part.partition.value;
        const auto columns = ColumnBatch::decode(SharedBytes::from_string(part.body), part.rows, true);
        DL_CHECK(columns.has_value(), "decode(encode(x))");
        rows += part.rows;
        for (std::uint32_t row = 0; row < part.rows; ++row) {
            json += json.empty() ? "{" : ",{";
            for (const auto& field : fuzz_table().schema.fields) {
                json += '"' + field.name + "\":";
                append_value_json(json, *columns->find(field.id), row);
                json += ',';
            }
            json += columns->is_delete(row) ? R"("crud":"delete"})" : R"("crud":"insert"})";
        }
    }
    DL_CHECK(rows == batch.rows, "no row is lost");
    return json.empty() ? json : R"({"batch_insert":{"table_name":"t","data":[)" + json + "]}}";
}

inline void check_same(const PartitionedBatch& a, const PartitionedBatch& b) {
    DL_CHECK(a.rows == b.rows && a.partitions.size() == b.partitions.size(), "parse(print(x)) == x");
    for (std::size_t i = 0; i < a.partitions.size(); ++i) {
        DL_CHECK(a.partitions[i].partition == b.partitions[i].partition, "parse(print(x)) == x");
        DL_CHECK(a.partitions[i].body == b.partitions[i].body, "parse(print(x)) == x");
        DL_CHECK(a.partitions[i].crc == b.partitions[i].crc, "parse(print(x)) == x");
    }
}

}  // namespace dl
