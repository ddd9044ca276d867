#include "master/catalog/declared_type.h"

#include <gmock/gmock.h>

#include "common/record/column_batch.h"
#include "common/types/value_text.h"

namespace dl::master {
namespace {

using ::testing::HasSubstr;

std::string stored(const std::string& text) {
    const auto parsed = parse_declared_type(text);
    return parsed.has_value() ? type_name(parsed->type) + (parsed->text.empty() ? "" : " as " + parsed->text)
                              : parsed.error().to_text();
}

TEST(DeclaredType, NamesOfOtherSystems) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"varchar", "string"},
        {"VARCHAR(20)", "string as varchar(20)"},
        {"character  varying ( 7 )", "string as varchar(7)"},
        {"varchar(max)", "string"},
        {"char(3)", "string as char(3)"},
        {"char", "string as char(1)"},
        {"text", "string"},
        {"numeric(10,2)", "decimal(10,2)"},
        {"number(5)", "decimal(5,0)"},
        {"NUMBER", "decimal(18,3)"},
        {"double precision", "double"},
        {"Float8", "double"},
        {"float(24)", "float"},
        {"float(53)", "double"},
        {"real", "float"},
        {"smallint", "int as smallint"},
        {"int2", "int as smallint"},
        {"tinyint", "int as tinyint"},
        {"bigint(20)", "long"},
        {"int(11)", "int"},
        {"integer", "int"},
        {"bool", "boolean"},
        {"datetime", "timestamp"},
        {"timestamptz", "timestamp"},
        {"timestamp(6) with time zone", "timestamp"},
        {"timestamp without time zone", "timestamp"},
        {"json", "string as json"},
        {"jsonb", "string as json"},
        {"uuid", "string as uuid"},
        {"bytea", "binary"},
        {"varbinary(16)", "binary as binary(16)"},
        {"time", "string as time"},
        {"time(3)", "string as time"},
    };
    for (const auto& [text, expected] : cases) {
        EXPECT_EQ(stored(text), expected) << text;
        // What is shown is read as the same.
        if (const auto parsed = parse_declared_type(text); parsed.has_value()) {
            EXPECT_EQ(parse_declared_type(parsed->shown()).value(), *parsed) << text;
        }
    }
}

TEST(DeclaredType, WhatIsNotThereNamesTheNearest) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"ubigint", "decimal(20,0)"},
        {"bigint unsigned", "decimal(20,0)"},
        {"int unsigned", "long"},
        {"hugeint", "decimal(38,0)"},
        {"interval", "string"},
        {"enum('a','b')", "string"},
        {"int[]", "json"},
        {"struct(a int, b int)", "json"},
        {"money", "decimal(19,4)"},
        {"serial", "int"},
        {"time with time zone", "timestamp"},
        {"tinyint(1)", "boolean"},
        {"timestamp(9)", "microseconds"},
        {"varcahr(20)", "did you mean 'varchar'?"},
        {"varchar(0)", "length from 1"},
        {"varchar(x)", "length from 1"},
        {"decimal(39,0)", "1 <= p <= 38"},
        {"decimal(3,4)", "0 <= s <= p"},
        {"boolean(3)", "no such arguments"},
        {"nonsense", "use int, long"},
        {"", "unknown column type"},
        {"int)", "unknown column type"},
        {"varchar(20", "unknown column type"},
        {std::string(1000, 'x'), "unknown column type"},
    };
    for (const auto& [text, expected] : cases) {
        EXPECT_THAT(stored(text), HasSubstr("INVALID_VALUE: ")) << text;
        EXPECT_THAT(stored(text), HasSubstr(expected)) << text;
    }
}

std::string complaint(const std::string& type, const std::string& value) {
    const auto declared = parse_declared_type(type).value();
    ColumnBatchBuilder builder({{FieldId{1}, declared.type}});
    EXPECT_TRUE(append_parsed_text(builder, 0, declared.type, value).has_value()) << value;
    return complaint_of(declared, builder.values(0), 0).value_or("");
}

TEST(DeclaredType, ValuesAreHeldToIt) {
    const std::vector<std::pair<std::string, std::string>> good = {
        {"varchar(3)", "abc"},
        {"varchar(3)", "äöü"},
        {"varchar(3)", ""},
        {"char(1)", "中"},
        {"smallint", "-32768"},
        {"tinyint", "127"},
        {"json", "{\"a\":[1]}"},
        {"json", "3"},
        {"uuid", "123E4567-e89b-12d3-a456-426614174000"},
        {"time", "00:00:00"},
        {"time", "23:59:59.999999"}};
    for (const auto& [type, value] : good)
        EXPECT_EQ(complaint(type, value), "") << type << ' ' << value;
    EXPECT_THAT(complaint("varchar(3)", "äöüß"), HasSubstr("has 4 characters, varchar(3) takes 3"));
    EXPECT_THAT(complaint("char(1)", "ab"), HasSubstr("char(1)"));
    EXPECT_THAT(complaint("smallint", "32768"), HasSubstr("-32768 to 32767"));
    EXPECT_THAT(complaint("tinyint", "-129"), HasSubstr("range of tinyint"));
    for (const char* bad : {"", "{", "{\"a\":1}x", "NaN", "'a'"})
        EXPECT_THAT(complaint("json", bad), HasSubstr("valid json")) << bad;
    for (const char* bad : {"", "123e4567e89b12d3a456426614174000", "{23e4567-e89b-12d3-a456-426614174000}",
                            "123e4567-e89b-12d3-a456-42661417400g"})
        EXPECT_THAT(complaint("uuid", bad), HasSubstr("valid uuid")) << bad;
    for (const char* bad : {"", "7:05:00", "24:00:00", "12:60:00", "12:00", "12:00:00.", "12:00:00.1234567",
                            "12:00:0x", "12-00-00"})
        EXPECT_THAT(complaint("time", bad), HasSubstr("valid time")) << bad;
}

TEST(DeclaredType, WiderOnesNeedNoLookAtTheRows) {
    const auto wider = [](const char* from, const char* to) {
        return is_wider(parse_declared_type(from).value(), parse_declared_type(to).value());
    };
    for (const auto& [from, to] :
         std::vector<std::pair<const char*, const char*>>{{"varchar(3)", "varchar(4)"},
                                                          {"varchar(3)", "char(3)"},
                                                          {"varchar(3)", "text"},
                                                          {"tinyint", "smallint"},
                                                          {"smallint", "int"},
                                                          {"uuid", "varchar(36)"},
                                                          {"json", "string"},
                                                          {"time", "varchar(15)"},
                                                          {"int", "bigint"},
                                                          {"tinyint", "double"},
                                                          {"real", "double precision"},
                                                          {"numeric(4,1)", "numeric(5,2)"},
                                                          {"date", "timestamp"},
                                                          {"int", "integer"}})
        EXPECT_TRUE(wider(from, to)) << from << ' ' << to;
    for (const auto& [from, to] :
         std::vector<std::pair<const char*, const char*>>{{"varchar(4)", "varchar(3)"},
                                                          {"text", "varchar(3)"},
                                                          {"smallint", "tinyint"},
                                                          {"int", "smallint"},
                                                          {"json", "uuid"},
                                                          {"uuid", "varchar(35)"},
                                                          {"varchar(36)", "uuid"},
                                                          {"long", "int"},
                                                          {"double", "float"},
                                                          {"int", "smallint"},
                                                          {"date", "string"},
                                                          {"decimal(4,1)", "decimal(4,2)"},
                                                          {"binary(3)", "varchar(3)"}})
        EXPECT_FALSE(wider(from, to)) << from << ' ' << to;
}

}  // namespace
}  // namespace dl::master
