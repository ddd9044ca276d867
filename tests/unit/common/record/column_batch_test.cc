#include "common/record/column_batch.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "common/record/column_choice.h"

namespace dl {
namespace {

using Spec = ColumnBatchBuilder::ColumnSpec;

const std::vector<Spec>& all_types() {
    static const std::vector<Spec> specs = {
        {FieldId{1}, {TypeKind::int32}},          {FieldId{2}, {TypeKind::int64}},
        {FieldId{3}, {TypeKind::float32}},        {FieldId{4}, {TypeKind::float64}},
        {FieldId{5}, {TypeKind::boolean}},        {FieldId{6}, {TypeKind::string}},
        {FieldId{7}, {TypeKind::timestamp}},      {FieldId{8}, {TypeKind::date}},
        {FieldId{9}, {TypeKind::decimal, 10, 2}}, {FieldId{10}, {TypeKind::decimal, 30, 5}},
        {FieldId{11}, {TypeKind::binary}}};
    return specs;
}
const std::vector<std::string> kTexts = {
    "-7",          "123456789012",          "1.5",        "-0.25",  "true",
    "héllo \"x\"", "2024-01-31 12:00:00.5", "2024-02-29", "12.345", "-1234567890123456789.12345",
    "AAEC/w=="};
const std::vector<std::string> kPrinted = {"-7",
                                           "123456789012",
                                           "1.5",
                                           "-0.25",
                                           "true",
                                           "héllo \"x\"",
                                           "2024-01-31 12:00:00.500000",
                                           "2024-02-29",
                                           "12.35",
                                           "-1234567890123456789.12345",
                                           "AAEC/w=="};

// A batch of `rows` rows with every type; row r has NULL in column c when (r + c) % 5 == 4, deletes when r %
// 3 == 2.
ColumnBatchBuilder sample(std::uint32_t rows) {
    ColumnBatchBuilder builder(all_types());
    for (std::uint32_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < all_types().size(); ++c) {
            if ((r + c) % 5 == 4)
                builder.append_null(c);
            else
                EXPECT_TRUE(append_parsed_text(builder, c, all_types()[c].type, kTexts[c]).has_value());
        }
        builder.finish_row(r % 3 == 2);
    }
    return builder;
}

TEST(ColumnBatch, RoundTripOfEveryType) {
    for (const std::uint32_t rows : {0u, 1u, 7u, 8u, 9u, 1000u}) {
        const auto builder = sample(rows);
        const std::string body = builder.encode();
        EXPECT_EQ(body.size() % 8, 0u);
        EXPECT_LE(body.size(), builder.byte_size());
        const auto decoded = ColumnBatch::decode(SharedBytes::from_string(body), rows, true);
        ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
        ASSERT_EQ(decoded->rows(), rows);
        for (std::uint32_t r = 0; r < rows; ++r) {
            ASSERT_EQ(decoded->is_delete(r), r % 3 == 2);
            for (std::size_t c = 0; c < all_types().size(); ++c) {
                const auto* column = decoded->find(FieldId{static_cast<std::uint32_t>(c + 1)});
                ASSERT_NE(column, nullptr);
                ASSERT_EQ(column->type, all_types()[c].type);
                ASSERT_EQ(column->is_null(r), (r + c) % 5 == 4);
                if (column->is_null(r)) continue;
                std::string text;
                append_value_text(text, *column, r);
                ASSERT_EQ(text, kPrinted[c]);
            }
        }
        EXPECT_EQ(decoded->find(FieldId{99}), nullptr);
    }
}

TEST(ColumnBatch, ChosenColumnsAreThoseOfTheWholeBatch) {
    const auto body = SharedBytes::from_string(sample(100).encode());
    const auto whole = *ColumnBatch::decode(body, 100);
    const std::vector<FieldId> wanted = {FieldId{11}, FieldId{99}, FieldId{6}, FieldId{2}};
    const auto chosen = decode_columns(body, 100, wanted);
    ASSERT_TRUE(chosen.has_value()) << chosen.error().message;
    EXPECT_EQ(chosen->rows, 100u);
    ASSERT_EQ(chosen->columns.size(), 3u);
    EXPECT_EQ(chosen->find(FieldId{99}), nullptr);
    EXPECT_EQ(chosen->find(FieldId{1}), nullptr) << "not wanted";
    for (const auto field : {FieldId{11}, FieldId{6}, FieldId{2}})
        for (std::uint32_t r = 0; r < 100; ++r) {
            std::string a, b;
            append_value_json(a, *whole.find(field), r);
            append_value_json(b, *chosen->find(field), r);
            ASSERT_EQ(a, b);
        }
    EXPECT_TRUE(decode_columns(body, 100, {})->columns.empty());
}

// What is wanted is checked, and what is not wanted is not looked at.
TEST(ColumnBatch, ChosenColumnsAreCheckedAndOthersAreNot) {
    auto bytes = sample(100).encode();
    const auto whole = *ColumnBatch::decode(SharedBytes::from_string(bytes), 100);
    const auto offsets = static_cast<std::size_t>(whole.find(FieldId{6})->data - whole.body().view().data());
    bytes[offsets + 4 * 50] = '\x7f';  // one of the text's offsets
    bytes[offsets + 4 * 50 + 3] = '\x7f';
    const auto damaged = SharedBytes::from_string(bytes);
    const std::vector<FieldId> text = {FieldId{6}}, other = {FieldId{2}, FieldId{11}};
    EXPECT_EQ(decode_columns(damaged, 100, text).error().code, ErrorCode::corrupt_data);
    EXPECT_TRUE(decode_columns(damaged, 100, other).has_value());
    EXPECT_EQ(decode_columns(damaged.slice(0, 60), 100, other).error().code, ErrorCode::corrupt_data);
}

TEST(ColumnBatch, JsonForms) {
    const auto batch = *ColumnBatch::decode(SharedBytes::from_string(sample(5).encode()), 5);
    std::string json;
    for (const auto& column : batch.columns()) {
        append_value_json(json, column, 0);
        json += ' ';
    }
    EXPECT_EQ(
        json,
        "-7 123456789012 1.5 -0.25 null \"héllo \\\"x\\\"\" \"2024-01-31 12:00:00.500000\" \"2024-02-29\" "
        "12.35 null \"AAEC/w==\" ");
    ColumnBatchBuilder floats({{FieldId{1}, {TypeKind::float32}}});
    floats.append_fixed(0, std::numeric_limits<float>::infinity());
    floats.finish_row(false);
    const auto infinite = *ColumnBatch::decode(SharedBytes::from_string(floats.encode()), 1);
    json.clear();
    append_value_json(json, infinite.columns()[0], 0);
    EXPECT_EQ(json, "\"inf\"");
}

// The bytes of the format, by hand: docs/formats/column-batch.md shows the same example.
TEST(ColumnBatch, BytesAreFrozen) {
    ColumnBatchBuilder builder({{FieldId{1}, {TypeKind::int32}}, {FieldId{2}, {TypeKind::string}}});
    builder.append_fixed(0, std::int32_t{1});
    builder.append_bytes(1, "ab");
    builder.finish_row(false);
    builder.append_fixed(0, std::int32_t{2});
    builder.append_null(1);
    builder.finish_row(true);
    const auto word = [](std::uint32_t value) {
        std::string bytes;
        append_le(bytes, value);
        return bytes;
    };
    std::string expected = word(2) + word(1);
    expected +=
        word(1) + std::string("\x01\0\0\0", 4) + word(0) + word(80) + word(8) + word(0) + word(0) + word(0);
    expected += word(2) + std::string("\x06\0\0\x01", 4) + word(88) + word(96) + word(12) + word(112) +
                word(2) + word(0);
    expected += std::string("\x02\0\0\0\0\0\0\0", 8);   // 72: delete bitmap, row 1
    expected += word(1) + word(2);                      // 80: ids
    expected += std::string("\x01\0\0\0\0\0\0\0", 8);   // 88: validity, row 0
    expected += word(0) + word(2) + word(2) + word(0);  // 96: offsets and padding
    expected += std::string("ab\0\0\0\0\0\0", 8);       // 112: heap
    EXPECT_EQ(builder.encode(), expected);
}

TEST(ColumnBatchBuilder, ClearStartsOver) {
    auto builder = sample(20);
    builder.clear();
    EXPECT_EQ(builder.rows(), 0u);
    EXPECT_EQ(builder.encode(), ColumnBatchBuilder(all_types()).encode());
}

TEST(ColumnBatchBuilder, CopiesRowsByFieldId) {
    const auto source = *ColumnBatch::decode(SharedBytes::from_string(sample(20).encode()), 20);
    auto reordered = all_types();
    std::reverse(reordered.begin(), reordered.end());
    reordered.push_back({FieldId{99}, {TypeKind::string}});  // added later
    ColumnBatchBuilder copy(reordered);
    for (std::uint32_t r = 0; r < 20; ++r)
        copy.append_row_from(source, r);
    const auto copied = *ColumnBatch::decode(SharedBytes::from_string(copy.encode()), 20);
    for (std::uint32_t r = 0; r < 20; ++r) {
        EXPECT_EQ(copied.is_delete(r), source.is_delete(r));
        EXPECT_TRUE(copied.find(FieldId{99})->is_null(r));
        for (const auto& column : source.columns()) {
            std::string a, b;
            append_value_json(a, column, r);
            append_value_json(b, *copied.find(column.field), r);
            EXPECT_EQ(a, b);
        }
    }
    ColumnBatchBuilder straight(all_types());
    for (std::uint32_t r = 0; r < 20; ++r)
        straight.append_row_from(source, r);
    EXPECT_EQ(straight.encode(), source.body().view());
}

TEST(ColumnBatchDeathTest, ColumnWithoutAValueIsADefect) {
    ColumnBatchBuilder builder(all_types());
    builder.append_fixed(0, std::int32_t{1});
    builder.finish_row(false);
    EXPECT_DEATH((void)builder.encode(), "one value per row");
}

// Every value of a decoded batch can be read, whatever the bytes were.
void read_all(const ColumnBatch& batch) {
    std::string out;
    char scratch[16];
    for (std::uint32_t r = 0; r < batch.rows(); ++r)
        for (const auto& column : batch.columns()) {
            append_value_json(out, column, r);
            (void)key_bytes(column, r, scratch);
        }
}

TEST(ColumnBatch, DamagedBytesAreRefusedOrReadable) {
    const std::string good = sample(10).encode();
    std::mt19937 random(1);
    int refused = 0;
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (const int change : {1, 0x80, 0xff}) {
            std::string bad = good;
            bad[at] = static_cast<char>(bad[at] ^ change);
            const auto batch = ColumnBatch::decode(SharedBytes::from_string(std::move(bad)), 10, true);
            if (batch)
                read_all(*batch);
            else
                ++refused;
        }
    }
    EXPECT_GT(refused, 500);
    for (std::size_t size = 0; size < good.size(); ++size) {
        const auto batch = ColumnBatch::decode(SharedBytes::copy_of(good.data(), size), 10, true);
        if (batch) {
            read_all(*batch);
        }
        EXPECT_TRUE(batch.has_error() || size + 8 > good.size()) << size;  // only padding may be missing
    }
    for (const std::uint32_t rows : {0u, 1u, 9u, 11u, 16u, 1u << 20, ~0u})
        EXPECT_TRUE(ColumnBatch::decode(SharedBytes::from_string(good), rows, true).has_error()) << rows;
}

TEST(ColumnBatch, StringsFromOutsideAreUtf8ValueByValue) {
    ColumnBatchBuilder builder({{FieldId{1}, {TypeKind::string}}});
    builder.append_bytes(0, "\xc3");  // together the two make an é
    builder.finish_row(false);
    builder.append_bytes(0, "\xa9");
    builder.finish_row(false);
    const auto body = SharedBytes::from_string(builder.encode());
    EXPECT_TRUE(ColumnBatch::decode(body, 2, false).has_value());
    EXPECT_EQ(ColumnBatch::decode(body, 2, true).error().code, ErrorCode::corrupt_data);
}

TEST(ColumnBatch, DirectoryLargerThanTheBodyIsRefused) {
    std::string body;
    append_le(body, std::uint32_t{0xffffffff});
    append_le(body, std::uint32_t{0});
    EXPECT_TRUE(ColumnBatch::decode(SharedBytes::from_string(body), 0).has_error());
    EXPECT_TRUE(ColumnBatch::decode(SharedBytes::from_string(std::string(8, '\0')), 1u << 30).has_error());
}

std::string key_of(DataType type, std::string_view text) {
    ColumnBatchBuilder builder({{FieldId{1}, type}});
    EXPECT_TRUE(append_parsed_text(builder, 0, type, text).has_value());
    builder.finish_row(false);
    const auto batch = *ColumnBatch::decode(SharedBytes::from_string(builder.encode()), 1);
    char scratch[16];
    return std::string(key_bytes(batch.columns()[0], 0, scratch));
}

TEST(KeyBytes, EqualValuesHaveEqualBytes) {
    const DataType integer{TypeKind::int32};
    EXPECT_EQ(key_of(integer, "7"), key_of(integer, "+07"));
    EXPECT_EQ(key_of(integer, "7"), std::string("\7\0\0\0\0\0\0\0", 8));
    EXPECT_EQ(key_of(integer, "-1"), std::string(8, '\xff'));
    EXPECT_EQ(key_of(integer, "7"), key_of({TypeKind::int64}, "7"));
    EXPECT_EQ(key_of({TypeKind::float64}, "-0"), key_of({TypeKind::float64}, "0"));
    EXPECT_EQ(key_of({TypeKind::float32}, "1.5"), key_of({TypeKind::float64}, "1.5"));
    EXPECT_EQ(key_of({TypeKind::float32}, "nan"), key_of({TypeKind::float64}, "nan"));
    EXPECT_EQ(key_of({TypeKind::decimal, 10, 2}, "1.5"), key_of({TypeKind::decimal, 10, 2}, "1.500"));
    EXPECT_EQ(key_of({TypeKind::decimal, 10, 2}, "1.5").size(), 8u);
    EXPECT_EQ(key_of({TypeKind::decimal, 19, 2}, "1.5").size(), 16u);
    EXPECT_EQ(key_of({TypeKind::boolean}, "true"), "\1");
    EXPECT_EQ(key_of({TypeKind::string}, "é"), "é");
    EXPECT_EQ(key_of({TypeKind::binary}, "AAE="), std::string("\0\1", 2));
    EXPECT_EQ(key_of({TypeKind::timestamp}, "2024-01-31T12:00:00+08:00"),
              key_of({TypeKind::timestamp}, "2024-01-31 04:00"));
}

TEST(AppendParsedText, RefusesAndLeavesTheColumnAsItWas) {
    ColumnBatchBuilder builder(all_types());
    const std::vector<std::string> bad = {"x",    "1.0",        "1,5", "nan()", "yes", "\xff",
                                          "2024", "2024-02-30", "a",   "",      "A"};
    const auto before = builder.byte_size();
    for (std::size_t c = 0; c < bad.size(); ++c) {
        const auto result = append_parsed_text(builder, c, all_types()[c].type, bad[c]);
        ASSERT_TRUE(result.has_error()) << c;
        EXPECT_EQ(result.error().code, ErrorCode::invalid_value);
        EXPECT_NE(result.error().message.find(type_name(all_types()[c].type)), std::string::npos);
    }
    EXPECT_EQ(builder.byte_size(), before);
    EXPECT_TRUE(append_parsed_text(builder, 5, {TypeKind::string}, "").has_value());
    EXPECT_TRUE(append_parsed_text(builder, 10, {TypeKind::binary}, "").has_value());
}

}  // namespace
}  // namespace dl
