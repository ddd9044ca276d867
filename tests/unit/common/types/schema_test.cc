#include "common/types/schema.h"

#include <gtest/gtest.h>

#include "common/base/limits.h"

namespace dl {
namespace {

TEST(ParseType, NamesAliasesAndArguments) {
    EXPECT_EQ(parse_type("int")->kind, TypeKind::int32);
    EXPECT_EQ(parse_type(" BIGINT ")->kind, TypeKind::int64);
    EXPECT_EQ(parse_type("Text")->kind, TypeKind::string);
    EXPECT_EQ(*parse_type("decimal"), (DataType{TypeKind::decimal, 18, 3}));
    EXPECT_EQ(*parse_type("decimal(10,2)"), (DataType{TypeKind::decimal, 10, 2}));
    EXPECT_EQ(*parse_type("Decimal ( 38 , 38 )"), (DataType{TypeKind::decimal, 38, 38}));
    EXPECT_EQ(*parse_type("decimal(5)"), (DataType{TypeKind::decimal, 5, 0}));
    for (const auto* bad :
         {"", "strin", "decimal()", "decimal(0,0)", "decimal(39,0)", "decimal(5,6)", "decimal(5,2",
          "decimal(5,2)x", "decimal(5,,2)", "decimal(-5,2)", "int(5)", "json", "decimal(5,2,1)"}) {
        const auto type = parse_type(bad);
        ASSERT_TRUE(type.has_error()) << bad;
        EXPECT_EQ(type.error().code, ErrorCode::invalid_value);
    }
    EXPECT_NE(parse_type("foo").error().message.find("timestamp"), std::string::npos);
}

TEST(ParseType, EveryTypeNameParsesBack) {
    for (int kind = 1; kind <= 10; ++kind) {
        DataType type{static_cast<TypeKind>(kind)};
        if (type.kind == TypeKind::decimal) type = {TypeKind::decimal, 20, 4};
        EXPECT_EQ(*parse_type(type_name(type)), type);
    }
}

TEST(NormalizeName, LowersAndKeepsScripts) {
    EXPECT_EQ(*normalize_name("table", "User_Log2"), "user_log2");
    EXPECT_EQ(*normalize_name("column", "_x"), "_x");
    EXPECT_EQ(*normalize_name("column", "Ärger"), "ärger");
    EXPECT_EQ(*normalize_name("column", "ЖУК"), "жук");
    EXPECT_EQ(*normalize_name("column", "用户表"), "用户表");
    EXPECT_EQ(*normalize_name("column", "क१"), "क१");
    EXPECT_EQ(*normalize_name("column", std::string(limits::name_bytes_max, 'a')),
              std::string(limits::name_bytes_max, 'a'));
}

TEST(NormalizeName, Refuses) {
    for (const auto* bad :
         {"", "1a", "٣a", "a-b", "a b", "a.b", "a\"b", "a/b", "..", "a\xff", "a💥", "a;", "a\n"}) {
        const auto name = normalize_name("column", bad);
        ASSERT_TRUE(name.has_error()) << bad;
        EXPECT_EQ(name.error().code, ErrorCode::invalid_value);
        EXPECT_EQ(name.error().message.rfind("column name ", 0), 0u);
    }
    EXPECT_TRUE(normalize_name("table", std::string(limits::name_bytes_max + 1, 'a')).has_error());
    EXPECT_TRUE(normalize_name("table", std::string_view("a\0b", 3)).has_error());
}

TEST(Schema, FindsByNameAndId) {
    Schema schema;
    schema.fields.push_back({FieldId{1}, "id", {TypeKind::int32}});
    schema.fields.push_back({FieldId{7}, "name", {TypeKind::string}});
    EXPECT_EQ(schema.find("name"), 1u);
    EXPECT_EQ(schema.find(FieldId{7}), 1u);
    EXPECT_FALSE(schema.find("x").has_value());
    EXPECT_FALSE(schema.find(FieldId{2}).has_value());
    EXPECT_EQ(schema.key().name, "id");
}

}  // namespace
}  // namespace dl
