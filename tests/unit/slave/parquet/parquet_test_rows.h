// Rows of every type for the tests of Parquet files.
#pragma once

#include <random>

#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::slave::test {

using namespace dl::test;

inline const std::vector<std::string> kTypes = {
    "int",  "long",         "float",        "double",        "boolean",       "string", "timestamp",
    "date", "decimal(4,1)", "decimal(9,2)", "decimal(18,3)", "decimal(38,5)", "binary"};

inline std::string random_text(DataType type, std::mt19937& random, int shape) {
    const auto small = static_cast<int>(random() % (shape == 0 ? 5 : 100'000));
    switch (type.kind) {
        case TypeKind::boolean:
            return random() % 2 == 0 ? "true" : "false";
        case TypeKind::string:
            return shape == 0 ? "word" + std::to_string(small)
                              : std::string(random() % 40, 'a' + static_cast<char>(small % 26));
        case TypeKind::binary: {
            std::string text;
            append_base64(text, std::string(random() % 20, static_cast<char>(small)));
            return text;
        }
        case TypeKind::timestamp: {
            std::string text;
            append_timestamp(text, std::int64_t{small} * 1'234'567'891);
            return text;
        }
        case TypeKind::date: {
            std::string text;
            append_date(text, small % 40'000 - 10'000);
            return text;
        }
        case TypeKind::decimal:
            return (random() % 2 == 0 ? "-" : "") + std::to_string(small % 100) + ".5";
        default:
            return (random() % 2 == 0 ? "-" : "") + std::to_string(small + 1);  // DuckDB takes -0 for 0
    }
}

// Numbered from 1, in the order of kTypes.
inline std::vector<Field> fields_of_all_types() {
    std::vector<Field> fields;
    for (std::uint32_t i = 0; i < kTypes.size(); ++i)
        fields.push_back({FieldId{i + 1}, "c", type_of(kTypes[i]), false, {}});
    return fields;
}

// Shapes: 0 few different values (dictionaries), 1 many, 2 all NULL, 3 many and no NULL.
inline ColumnBatch random_batch(const std::vector<Field>& fields, std::size_t count, int shape,
                                std::mt19937& random) {
    std::vector<ColumnBatchBuilder::ColumnSpec> specs;
    for (const auto& field : fields)
        specs.push_back({field.id, field.type});
    Rows written(count);
    for (auto& row : written)
        for (const auto& spec : specs)
            row.push_back(shape == 2 || (shape != 3 && random() % 7 == 0)
                              ? "~"
                              : random_text(spec.type, random, shape));
    return text_batch(specs, written);
}

}  // namespace dl::slave::test
