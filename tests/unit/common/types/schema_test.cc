#include "common/types/schema.h"

#include <gtest/gtest.h>
#include <wctype.h>

#include <clocale>

#include "common/base/limits.h"
#include "common/base/utf8.h"

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
    EXPECT_EQ(*normalize_name("column", "हिन्दी"), "हिन्दी");
    EXPECT_EQ(*normalize_name("column", std::string(limits::name_bytes_max, 'a')),
              std::string(limits::name_bytes_max, 'a'));
}

// Names of earlier releases were folded by the C library, and what they are in catalogs is what is looked up.
TEST(NormalizeName, AcceptsAndFoldsEveryCharacterAsTheCLibraryDid) {
    const locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    ASSERT_NE(unicode, locale_t{});
    const auto text_of = [](wint_t c) {
        std::string text = "_";
        append_utf8(text, c);
        return text;
    };
    std::size_t letters = 0;
    for (wint_t c = 0x80; c < 0x110000; ++c) {
        if (c >= 0xd800 && c < 0xe000) continue;
        if (iswalpha_l(c, unicode) == 0) continue;
        ++letters;
        const auto stored = text_of(towlower_l(c, unicode));
        const auto now = normalize_name("column", text_of(c));
        ASSERT_TRUE(now.has_value()) << std::hex << c << ": " << now.error().message;
        ASSERT_EQ(*now, stored) << std::hex << c;
        ASSERT_EQ(*normalize_name("column", stored), stored) << std::hex << c;
        ASSERT_EQ(fold_name(stored), stored) << std::hex << c;
    }
    EXPECT_GT(letters, 100'000u);
    freelocale(unicode);
}

TEST(FoldName, KeepsWhatHasNoCase) {
    EXPECT_EQ(fold_name("Ab_1 ÄПФ中\xff\xc3"), "ab_1 äпф中\xff\xc3");
    EXPECT_EQ(fold_name(""), "");
}

TEST(NormalizeName, Refuses) {
    for (const auto* bad : {"", "1a", "٣a", "a-b", "a b", "a.b", "a\"b", "a/b", "..", "a\xff", "a💥", "a;",
                            "a\n", "e\u0301", "a\ufe0f", "a\u20dd"}) {
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
