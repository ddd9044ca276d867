// A columnar body: u32 rows, then the body.
#include "tests/fuzz/fuzz_support.h"

namespace dl {
namespace {

std::string seed(std::uint32_t rows, bool with_nulls) {
    const std::vector<ColumnBatchBuilder::ColumnSpec> specs = {
        {FieldId{1}, {TypeKind::int32}},           {FieldId{2}, {TypeKind::string}},
        {FieldId{3}, {TypeKind::boolean}},         {FieldId{4}, {TypeKind::timestamp}},
        {FieldId{5}, {TypeKind::decimal, 38, 38}}, {FieldId{6}, {TypeKind::decimal, 5, 2}},
        {FieldId{7}, {TypeKind::binary}},          {FieldId{8}, {TypeKind::float32}},
        {FieldId{9}, {TypeKind::float64}},         {FieldId{10}, {TypeKind::date}}};
    const char* const texts[] = {"7",    "é中",  "true", "2024-01-31", "-0.5",
                                 "1.25", "AAEC", "1.5",  "nan",        "2024-02-29"};
    ColumnBatchBuilder builder(specs);
    for (std::uint32_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < specs.size(); ++c) {
            if (with_nulls && (r + c) % 3 == 0)
                builder.append_null(c);
            else
                DL_CHECK(append_parsed_text(builder, c, specs[c].type, texts[c]).has_value(), "a good text");
        }
        builder.finish_row(with_nulls && r % 4 == 1);
    }
    std::string out;
    append_le(out, rows);
    return out + builder.encode();
}

}  // namespace

std::vector<std::string> fuzz_seeds() {
    return {seed(0, false), seed(1, false), seed(9, true), seed(20, false)};
}

}  // namespace dl

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace dl;
    if (size < 4) return 0;
    const auto rows = load_le<std::uint32_t>(data);
    const auto batch = ColumnBatch::decode(SharedBytes::copy_of(data + 4, size - 4), rows, true);
    if (batch.has_error()) return 0;
    const std::string values = read_all_values(*batch);
    // Rebuilt row by row it says the same; fields that stand twice are found at their first place only.
    std::vector<ColumnBatchBuilder::ColumnSpec> specs;
    for (const auto& column : batch->columns()) {
        if (batch->find(column.field) != &column) return 0;
        specs.push_back({column.field, column.type});
    }
    ColumnBatchBuilder builder(specs);
    std::vector<std::uint32_t> order;
    for (std::uint32_t row = 0; row < rows; ++row) {
        builder.append_row_from(*batch, row);
        order.push_back(row);
    }
    const std::string body = builder.encode();
    DL_CHECK(rows == 0 || builder.encode_rows(order) == body, "all rows in their order are the whole batch");
    const auto again = ColumnBatch::decode(SharedBytes::from_string(body), rows, true);
    DL_CHECK(again.has_value() && read_all_values(*again) == values, "decode(encode(x)) == x");
    return 0;
}
