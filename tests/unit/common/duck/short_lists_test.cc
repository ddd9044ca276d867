#include "common/duck/short_lists.h"

#include <gtest/gtest.h>

#include "common/duck/select_ast.h"
#include "tests/unit/common/duck/duck_test_support.h"

namespace dl {
namespace {

std::string list_of(std::size_t count, const std::string& before = "", const std::string& after = "") {
    std::string list;
    for (std::size_t i = 0; i < count; ++i)
        list += (i == 0 ? "" : ", ") + before + std::to_string(i) + after;
    return list;
}

TEST(ShortLists, AreCutAndComeBackAsTheyWere) {
    const std::string elements[] = {list_of(2000), list_of(2000, "-"), list_of(2000, "'it''s, ) ", "'"),
                                    list_of(2000, "/* , ) */ ", " -- a\n")};
    for (const auto& list : elements) {
        const auto sql = "select 1 from t where a = 'in (' and id  IN /**/ ( " + list + " ) and v not in (" +
                         list_of(700, "'", "'") + ") and w in (1, 2)";
        const auto shorter = with_short_lists(sql);
        ASSERT_TRUE(shorter) << sql.substr(0, 100);
        EXPECT_EQ(shorter->rests.size(), 2u);
        EXPECT_LT(shorter->text.size(), sql.size() / 2);
        EXPECT_TRUE(shorter->text.ends_with(") and w in (1, 2)"));
        EXPECT_EQ(shorter->in_full(shorter->text), sql);
    }
}

TEST(ShortLists, MarksAreNoValuesOfTheText) {
    const auto plain = with_short_lists("select 1 from t where id in (" + list_of(2000) + ")");
    ASSERT_TRUE(plain);
    const auto taken = plain->rests[0].mark;
    const auto sql = "select " + taken + " from t where id in (" + list_of(2000) + ")";
    const auto shorter = with_short_lists(sql);
    ASSERT_TRUE(shorter);
    EXPECT_NE(shorter->rests[0].mark, taken);
    EXPECT_EQ(shorter->in_full(shorter->text), sql);
}

TEST(ShortLists, WhatElseAListHoldsIsLeftAlone) {
    const auto behind = [](const std::string& list) { return "select 1 from t where id in (" + list + ")"; };
    for (const auto& sql :
         {behind(list_of(600)), behind(list_of(2000) + ", NULL"), behind(list_of(2000) + ", 'a'"),
          behind(list_of(2000, "", ".5")), behind(list_of(2000, "", "e1")), behind(list_of(2000) + ", $1"),
          behind(list_of(2000) + ", 1 + 1"), behind(list_of(2000, "'2024-01-01 ", "'")),
          behind(list_of(2000, "date '2024-01-01 ", "'")), behind("select " + list_of(2000)),
          behind(list_of(2000)).substr(0, 9000), "select \"in\" (" + list_of(2000) + ")",
          behind(list_of(2000, "1234567890123456789"))})
        EXPECT_FALSE(with_short_lists(sql)) << sql.substr(0, 100);
}

class ShortTreesTest : public ::testing::Test {
  protected:
    std::shared_ptr<DuckDatabase> database_ = test::open_database();
};

TEST_F(ShortTreesTest, TheTreeIsSmallAndTheTextWhole) {
    const auto sql = "select count(*) from t where id in (" + list_of(20'000) + ")";
    const auto ast = SelectAst::parse_short(*database_, " explain " + sql + " ; ");
    ASSERT_TRUE(ast) << ast.error().to_text();
    EXPECT_TRUE(ast->explain());
    EXPECT_EQ(ast->text(), sql);
    EXPECT_LT(ast->short_text().size(), sql.size() / 10);
    EXPECT_LT(ast->tree().dump().size(), sql.size());
    const auto made = ast->to_sql(*database_);
    ASSERT_TRUE(made);
    EXPECT_NE(ast->in_full(*made).find(", 12345, 12346, "), std::string::npos);
    EXPECT_EQ(ast->in_full(*made).find(ast->short_text()), std::string::npos);
    EXPECT_TRUE(check_select(*ast, [](const std::string& name) { return name == "t"; }));
}

// A column without a name is called by its text.
TEST_F(ShortTreesTest, AListInAColumnIsParsedWhole) {
    const auto list = list_of(1000);
    for (const auto& sql : {"select id in (" + list + ") from t",
                            "select * from (select id in (" + list + ") from t) where true"}) {
        const auto ast = SelectAst::parse_short(*database_, sql);
        ASSERT_TRUE(ast);
        EXPECT_EQ(ast->short_text(), sql);
        EXPECT_NE(ast->tree().dump().find(":999}"), std::string::npos);
    }
}

TEST_F(ShortTreesTest, ErrorsAreThoseOfTheWholeText) {
    for (const auto* end : {") and", ") and id = 1e999", "); select 1", ") limit 1 limit 2"}) {
        const auto sql = "select id from t where id in (" + list_of(1000) + ")" + end;
        const auto whole = SelectAst::parse(*database_, sql);
        const auto cut = SelectAst::parse_short(*database_, sql);
        ASSERT_FALSE(whole) << end;
        ASSERT_FALSE(cut) << end;
        EXPECT_EQ(cut.error().to_text(), whole.error().to_text());
    }
    const auto many = "select id from t where id in (" + list_of(110'000) + ")";
    EXPECT_EQ(SelectAst::parse_short(*database_, many).error().code, ErrorCode::limit_exceeded);
}

}  // namespace
}  // namespace dl
