#include "common/duck/point_select.h"

#include <gtest/gtest.h>

#include "common/types/data_type.h"

namespace dl {
namespace {

std::optional<PointSelect> parsed(std::string_view sql) {
    return parse_point_select(sql);
}

TEST(PointSelect, RecognisesThePlainestLookups) {
    const auto one = parsed("select * from t where id = 7");
    ASSERT_TRUE(one);
    EXPECT_EQ(one->table, "t");
    EXPECT_TRUE(one->columns.empty());
    EXPECT_EQ(one->key, "id");
    ASSERT_EQ(one->values.size(), 1u);
    EXPECT_EQ(one->values[0].text, "7");
    EXPECT_FALSE(one->values[0].quoted);

    const auto many = parsed(" SELECT a, b_2\nFROM t1 Where k IN ('x', 'it''s', '') ; ");
    ASSERT_TRUE(many);
    EXPECT_EQ(many->columns, (std::vector<std::string>{"a", "b_2"}));
    ASSERT_EQ(many->values.size(), 3u);
    EXPECT_EQ(many->values[1].text, "it's");
    EXPECT_TRUE(many->values[2].quoted);
    EXPECT_TRUE(parsed("select*from t where id=-5"));
}

TEST(PointSelect, LeavesEverythingElseToTheParser) {
    for (const auto* sql : {"",
                            "select",
                            "select * from t",
                            "select * from t where id = 7 and x = 1",
                            "select * from t where id = 7 or 1=1",
                            "select * from t where id = 7 limit 1",
                            "select * from t where id = 7; select 1",
                            "select * from t where id = 7 -- all",
                            "select * from t /* x */ where id = 7",
                            "select distinct a from t where id = 7 7",
                            "select a b from t where id = 7",
                            "select a, a from t where id = 7",
                            "select A from t where id = 7",
                            "select \"a\" from t where id = 7",
                            "select * from T where id = 7",
                            "select * from db.t where id = 7",
                            "select * from t x where x.id = 7",
                            "select * from t where id = 7.0",
                            "select * from t where id = 7e1",
                            "select * from t where id = 0x7",
                            "select * from t where id = 1_000",
                            "select * from t where id = null",
                            "select * from t where id = $1",
                            "select * from t where id = '7",
                            "select * from t where id = e'7'",
                            "select * from t where id = '7'::int",
                            "select * from t where id = + 7",
                            "select * from t where id = 7::int",
                            "select * from t where id in ()",
                            "select * from t where id in (1,)",
                            "select * from t where id in (1",
                            "select * from t where id == 7",
                            "select * from t where id >= 7",
                            "select null from t where id = 7",
                            "select current_date from t where id = 7",
                            "select 1 from t where id = 7",
                            "explain select * from t where id = 7",
                            "select * from tä where id = 7",
                            "select * from t where id = 7ä",
                            "select * from t where id not in (7)",
                            "select count(*) from t where id = 7",
                            "select * from t where id = 'a\nb'",
                            "select * from t where id = 7 collate nocase"})
        EXPECT_FALSE(parsed(sql)) << sql;
    std::string longer = "select * from t where id in (0";
    for (std::size_t i = 1; i < kLookupKeysMax; ++i)
        longer += "," + std::to_string(i);
    EXPECT_TRUE(parsed(longer + ")"));
    EXPECT_FALSE(parsed(longer + ",9)"));
}

TEST(PointSelect, KeysAreTakenOnlyWhenTheyAreCertain) {
    const auto text = [](std::string_view type, std::string_view value, bool quoted) {
        return exact_key_text({quoted, std::string(value)}, *parse_type(type));
    };
    EXPECT_EQ(text("int", "7", false), "7");
    EXPECT_EQ(text("int", "-2147483648", false), "-2147483648");
    EXPECT_EQ(text("int", "7", true), "7");
    EXPECT_EQ(text("long", "9223372036854775807", false), "9223372036854775807");
    EXPECT_EQ(text("string", "a b", true), "a b");
    EXPECT_EQ(text("date", "2024-02-29", true), "2024-02-29");
    EXPECT_EQ(text("timestamp", "2024-01-01 00:00:00.5", true), "2024-01-01 00:00:00.5");
    EXPECT_EQ(text("decimal(9,2)", "1", false), "1");
    EXPECT_EQ(text("decimal(9,2)", "-12.5", true), "-12.5");
    EXPECT_EQ(text("decimal(9,2)", "-0.5000", false), "-0.5000");
    EXPECT_EQ(text("decimal(38,0)", std::string(38, '9'), true), std::string(38, '9'));
    EXPECT_EQ(text("double", "-1", false), "-1");
    EXPECT_EQ(text("double", "0.1", true), "0.1");
    EXPECT_EQ(text("double", "123456789012.345", false), "123456789012.345");
    for (const auto& [type, value, quoted] : std::vector<std::tuple<std::string, std::string, bool>>{
             {"decimal(9,2)", "1.005", false},
             {"decimal(9,2)", "10000000", false},
             {"decimal(9,2)", "1e3", true},
             {"decimal(9,2)", "1.", true},
             {"decimal(9,2)", ".5", true},
             {"double", "1234567890123.456", false},
             {"double", "1e3", true},
             {"double", "nan", true},
             {"float", "1", false},
             {"int", "2147483648", false},
             {"int", "07", false},
             {"int", " 7", true},
             {"int", "-0", false},
             {"int", "", true},
             {"int", "7.0", true},
             {"long", "9223372036854775808", false},
             {"string", "7", false},
             {"date", "2023-02-29", true},
             {"date", "2024-2-9", true},
             {"date", "7", false},
             {"timestamp", "2024-01-01", true},
             {"timestamp", "2024-01-01T00:00:00", true},
             {"timestamp", "2024-01-01 00:00:00Z", true},
             {"timestamp", "2024-01-01 00:00:00.1234567", true},
             {"boolean", "true", true},
             {"binary", "AQ==", true}})
        EXPECT_FALSE(text(type, value, quoted)) << type << " " << value;
}

}  // namespace
}  // namespace dl
