#include "common/record/widened_batch.h"

#include <gtest/gtest.h>

#include "common/types/wider_type.h"

namespace dl {
namespace {

DataType type(const char* name) {
    return parse_type(name).value();
}

// The canonical text of a value of one type as one of another.
std::string widened(const char* from, const char* to, const char* text) {
    ColumnBatchBuilder builder({{FieldId{3}, type("string")}, {FieldId{7}, type(from)}});
    for (int row = 0; row < 3; ++row) {
        builder.append_bytes(0, row == 1 ? "deleted" : "");
        if (row == 1)
            builder.append_null(1);
        else
            EXPECT_TRUE(append_parsed_text(builder, 1, type(from), text).has_value());
        builder.finish_row(row == 1);
    }
    const auto batch = ColumnBatch::decode(SharedBytes::from_string(builder.encode()), 3).value();
    const std::vector<Field> fields = {{FieldId{7}, "a", type(to), false, {}},
                                       {FieldId{9}, "b", {}, false, {}}};
    const auto wide = widened_batch(batch, fields).value();
    EXPECT_EQ(wide.columns()[0].bytes(1), "deleted");
    EXPECT_TRUE(wide.is_delete(1) && !wide.is_delete(0));
    const auto& column = *wide.find(FieldId{7});
    EXPECT_EQ(column.type, type(to));
    EXPECT_TRUE(column.is_null(1));
    std::string first, last;
    append_value_text(first, column, 0);
    append_value_text(last, column, 2);
    EXPECT_EQ(first, last);
    return first;
}

TEST(WidenedBatch, ValuesAreEqualInTheWiderType) {
    EXPECT_EQ(widened("int", "long", "-2147483648"), "-2147483648");
    EXPECT_EQ(widened("int", "double", "2147483647"), "2147483647");
    EXPECT_EQ(widened("int", "decimal(12,2)", "-2147483648"), "-2147483648.00");
    EXPECT_EQ(widened("int", "decimal(38,28)", "2147483647"), "2147483647.0000000000000000000000000000");
    EXPECT_EQ(widened("long", "decimal(19,0)", "-9223372036854775808"), "-9223372036854775808");
    EXPECT_EQ(widened("float", "double", "0.1"), "0.10000000149011612");
    EXPECT_EQ(widened("float", "double", "nan"), "nan");
    EXPECT_EQ(widened("float", "double", "-inf"), "-inf");
    EXPECT_EQ(widened("decimal(4,1)", "decimal(18,3)", "-999.9"), "-999.900");
    EXPECT_EQ(widened("decimal(18,2)", "decimal(38,22)", "9999999999999999.99"),
              "9999999999999999.9900000000000000000000");
    EXPECT_EQ(widened("decimal(20,0)", "decimal(38,18)", "-99999999999999999999"),
              "-99999999999999999999.000000000000000000");
    EXPECT_EQ(widened("date", "timestamp", "1969-12-31"), "1969-12-31 00:00:00");
    EXPECT_EQ(widened("date", "timestamp", "294000-12-31"), "294000-12-31 00:00:00");
    EXPECT_EQ(widened("date", "timestamp", "-290000-01-01"), "-290000-01-01 00:00:00");
}

TEST(WidenedBatch, WhatIsWideEnoughIsNotCopied) {
    ColumnBatchBuilder builder({{FieldId{1}, type("long")}});
    builder.append_fixed(0, std::int64_t{5});
    builder.finish_row(false);
    const auto batch = ColumnBatch::decode(SharedBytes::from_string(builder.encode()), 1).value();
    for (const char* now : {"long", "int", "string"})
        EXPECT_EQ(widened_batch(batch, std::vector<Field>{{FieldId{1}, "a", type(now), false, {}}})
                      .value()
                      .body()
                      .data(),
                  batch.body().data())
            << now;
}

TEST(WiderType, HoldsEveryValue) {
    const char* const all[] = {"int",          "long",          "float",         "double",
                               "boolean",      "string",        "timestamp",     "date",
                               "binary",       "decimal(4,2)",  "decimal(10,0)", "decimal(12,2)",
                               "decimal(9,0)", "decimal(19,0)", "decimal(38,19)"};
    const std::vector<std::pair<std::string, std::string>> wider = {
        {"int", "long"},
        {"int", "double"},
        {"int", "decimal(10,0)"},
        {"int", "decimal(12,2)"},
        {"int", "decimal(19,0)"},
        {"int", "decimal(38,19)"},
        {"long", "decimal(19,0)"},
        {"long", "decimal(38,19)"},
        {"float", "double"},
        {"date", "timestamp"},
        {"decimal(4,2)", "decimal(12,2)"},
        {"decimal(4,2)", "decimal(38,19)"},
        {"decimal(9,0)", "decimal(10,0)"},
        {"decimal(9,0)", "decimal(12,2)"},
        {"decimal(9,0)", "decimal(19,0)"},
        {"decimal(9,0)", "decimal(38,19)"},
        {"decimal(10,0)", "decimal(12,2)"},
        {"decimal(10,0)", "decimal(19,0)"},
        {"decimal(10,0)", "decimal(38,19)"},
        {"decimal(12,2)", "decimal(38,19)"},
        {"decimal(19,0)", "decimal(38,19)"},
    };
    for (const char* narrow : all)
        for (const char* wide : all) {
            const bool is = std::find(wider.begin(), wider.end(),
                                      std::pair<std::string, std::string>(narrow, wide)) != wider.end();
            EXPECT_EQ(is_wider_type(type(wide), type(narrow)), is) << narrow << " to " << wide;
            EXPECT_EQ(wider_type_of(type(narrow), type(wide)), type(is ? wide : narrow));
        }
}

}  // namespace
}  // namespace dl
