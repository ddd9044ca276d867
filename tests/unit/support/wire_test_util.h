// Tables and printing for the tests of common/wire.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "common/base/crc32c.h"
#include "master/routing/partitioned_batch.h"

namespace dl::wire_test {

struct ColumnDef {
    std::string name;
    std::string type;
    bool not_null = false;
    std::optional<std::string> default_text = std::nullopt;
};

inline TableMeta make_table(const std::vector<ColumnDef>& columns, std::uint32_t partitions = 1,
                            const std::string& name = "t1") {
    TableMeta table;
    table.id = TableId{7};
    table.name = name;
    table.schema.id = SchemaId{1};
    std::uint32_t id = 1;
    for (const auto& column : columns)
        table.schema.fields.push_back(
            {FieldId{id++}, column.name, *parse_type(column.type), column.not_null, column.default_text});
    table.partition_count = partitions;
    for (std::uint32_t slot = 0; slot < kSlotCount; ++slot)
        table.slot_map.push_back(static_cast<std::uint16_t>(slot * partitions / kSlotCount));
    return table;
}

inline ColumnBatch decode(const PartitionBody& body) {
    EXPECT_EQ(crc32c(0, body.body.data(), body.body.size()), body.crc);
    auto batch = ColumnBatch::decode(SharedBytes::from_string(body.body), body.rows, true);
    EXPECT_TRUE(batch.has_value());
    return *batch;
}

// A line per row, by partition: "0 insert id=1 name=NULL".
inline std::vector<std::string> lines_of(const TableMeta& table, const PartitionedBatch& batch) {
    std::vector<std::string> lines;
    std::uint64_t rows = 0;
    for (const auto& part : batch.partitions) {
        const auto columns = decode(part);
        rows += part.rows;
        for (std::uint32_t row = 0; row < part.rows; ++row) {
            std::string line =
                std::to_string(part.partition.value) + (columns.is_delete(row) ? " delete" : " insert");
            for (const auto& field : table.schema.fields) {
                line += " " + field.name + "=";
                const auto* column = columns.find(field.id);
                if (column->is_null(row))
                    line += "NULL";
                else
                    append_value_text(line, *column, row);
            }
            lines.push_back(line);
        }
    }
    EXPECT_EQ(rows, batch.rows);
    return lines;
}

inline std::string from_hex(std::string_view hex) {
    std::string bytes;
    int high = -1;
    for (const char c : hex) {
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) continue;
        if (high < 0) {
            high = digit;
        } else {
            bytes.push_back(static_cast<char>(high * 16 + digit));
            high = -1;
        }
    }
    return bytes;
}

// The bytes of tests/golden/wire/<name>.hex.
inline std::string golden(const std::string& name) {
    std::ifstream file(std::string(DL_GOLDEN_DIR) + "/wire/" + name + ".hex");
    EXPECT_TRUE(file.good()) << name;
    return from_hex(std::string(std::istreambuf_iterator<char>(file), {}));
}

}  // namespace dl::wire_test
