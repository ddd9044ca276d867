#include "master/sql/fragment_planner.h"

#include "master/sql/query_ast.h"
#include "tests/unit/master/sql/pushdown_test_support.h"

namespace dl::master::test {
namespace {

class FragmentPlannerTest : public PushdownTest {
  protected:
    // As of a value that resembles nothing.
    std::string asked_for_city(const std::string& value) {
        auto text = asked("SELECT id FROM t WHERE city = 'plain'");
        const auto at = text.find("plain");
        EXPECT_NE(at, std::string::npos) << text;
        return at == std::string::npos ? text : text.replace(at, 5, value);
    }
};

TEST_F(FragmentPlannerTest, AReferenceThatIsLeftAloneKeepsItsTable) {
    const auto planned = plan("SELECT a.id FROM t a JOIN t b ON a.id = b.id WHERE a.flag");
    EXPECT_EQ(planned.statement,
              "SELECT a.id FROM (dl_fragment_1 AS a INNER JOIN t AS b ON ((a.id = b.id))) WHERE a.flag");
    ASSERT_EQ(planned.fragments.size(), 2u);
    EXPECT_EQ(planned.fragments[0].view, "dl_fragment_1");
    EXPECT_EQ(planned.fragments[1].view, "t");
    const auto untouched = plan("SELECT id FROM t JOIN u USING (id)");
    EXPECT_EQ(untouched.statement, "SELECT id FROM t JOIN u USING (id)");
}

TEST_F(FragmentPlannerTest, NamesLikeOursLeaveTheStatementAsItIs) {
    for (const char* sql : {"WITH dl_fragment_1 AS (SELECT 99 AS dl_p0) SELECT count(*) FROM t",
                            "WITH DL_BROADCAST_1 AS (SELECT 1) SELECT count(*) FROM t",
                            "SELECT count(*) AS dl_p0 FROM t", "SELECT count(*) FROM t AS dl_fragment_7",
                            "SELECT g FROM (SELECT count(*) FROM t) AS x(dl_g0), t AS u(g)"}) {
        const auto planned = plan(sql);
        EXPECT_EQ(planned.statement, sql);
        ASSERT_EQ(planned.fragments.size(), 1u) << sql;
        EXPECT_EQ(planned.fragments[0].view, "t") << sql;
    }
}

TEST_F(FragmentPlannerTest, ValuesThatBeginLikeOurNamesAreOnlyValues) {
    EXPECT_EQ(asked("SELECT id FROM t WHERE city = 'DL_123'"), asked_for_city("DL_123"));
    EXPECT_EQ(asked("SELECT id FROM t WHERE city = 'dl_fragment_1'"), asked_for_city("dl_fragment_1"));
    EXPECT_EQ(plan("SELECT 'x' AS dl_p0, id FROM t WHERE city = 'y'").statement,
              "SELECT 'x' AS dl_p0, id FROM t WHERE city = 'y'");
}

// `city.upper()` names no column by itself.
TEST_F(FragmentPlannerTest, ColumnsThatFunctionsAreCalledOnAreFetched) {
    EXPECT_EQ(asked("SELECT city.upper() FROM t WHERE id = 3"), R"(SELECT "id", "city" FROM "t")");
    EXPECT_EQ(asked("SELECT city.upper() FROM main.t"), R"(SELECT "city" FROM "t")");
}

// alias() names its argument, which would be another one.
TEST_F(FragmentPlannerTest, AliasIsNotRewritten) {
    EXPECT_EQ(asked("SELECT alias(city), count(*) FROM t GROUP BY city"), R"(SELECT "city" FROM "t")");
}

TEST_F(FragmentPlannerTest, StatementsThatFailGoAsTheyAre) {
    EXPECT_EQ(plan("SELECT nope FROM t WHERE id = 3").statement, "SELECT nope FROM t WHERE id = 3");
    EXPECT_EQ(plan("SELECT id FROM t, u WHERE flag").statement, "SELECT id FROM t, u WHERE flag");
}

TEST_F(FragmentPlannerTest, NamesOfTheRewrittenStatementAreNotTaken) {
    EXPECT_EQ(
        plan("WITH dl_fragment_1 AS (SELECT 1 AS x) SELECT x, id FROM dl_fragment_1, t WHERE flag").texts,
        (std::vector<std::string>{R"(SELECT "id", "flag" FROM "t")"}));
}

TEST_F(FragmentPlannerTest, LongStatementsAreNotLookedAtTwice) {
    EXPECT_EQ(asked("SELECT id FROM t WHERE city <> '" + std::string(256u << 10, 'x') + "'"),
              R"(SELECT "id", "city" FROM "t")");
}

// They are planned without their values, and run with all of them.
TEST_F(FragmentPlannerTest, LongListsGoToTheSlavesWhole) {
    std::string numbers = "-1", texts = "'a'";
    for (int i = 0; i < 45'000; ++i) {
        numbers += ", " + std::to_string(i);
        texts += ", 'it''s " + std::to_string(i) + "'";
    }
    for (const auto& condition :
         {"(id IN (" + numbers + "))", "((NOT (id IN (" + numbers + "))) AND (city IN (" + texts + ")))"}) {
        const auto rows = plan("SELECT id FROM t WHERE " + condition);
        EXPECT_TRUE(rows.texts.front().ends_with(" FROM t WHERE " + condition));
        EXPECT_TRUE(rows.statement.ends_with(" WHERE " + condition));
        const auto counted = plan("SELECT city, count(*) FROM t WHERE " + condition + " GROUP BY city");
        EXPECT_NE(counted.texts.front().find(" WHERE " + condition + " GROUP BY"), std::string::npos);
        EXPECT_LT(counted.statement.size(), 1000u);
    }
}

// JOINs in parentheses, values, collations: text that DuckDB makes of a tree is used only if it means the
// tree.
TEST_F(FragmentPlannerTest, TextMeansItsTree) {
    for (const char* sql :
         {"SELECT a.id FROM t a JOIN (u b LEFT JOIN v c ON b.id = c.id) ON a.id = b.id",
          "SELECT a.id FROM t a, u b LEFT JOIN v c ON b.id = c.id",
          "SELECT 1 - (2 - 3), -(-3), NOT (true AND false OR true), 'it''s', 1e300, '\\xAA'::blob"}) {
        const auto ast = SelectAst::parse(*database_, sql);
        ASSERT_TRUE(ast);
        EXPECT_TRUE(faithful_sql(*database_, ast->tree())) << sql;
    }
    auto tree = SelectAst::parse(*database_, "SELECT id + 1 FROM t")->tree();
    tree["statements"][0]["node"]["select_list"][0]["function_name"] = "no such operator";
    EXPECT_FALSE(faithful_sql(*database_, tree));
}

TEST_F(FragmentPlannerTest, ColumnsKeepTheirTypes) {
    const auto planned = plan("SELECT sum(big) AS s, min(id::smallint) AS m, sum(price) AS p FROM t");
    ASSERT_EQ(planned.fragments.size(), 1u);
    EXPECT_EQ(
        planned.fragments[0].view_body("x"),
        R"(SELECT CAST("dl_p0" AS HUGEINT) AS "dl_p0", CAST("dl_p1" AS SMALLINT) AS "dl_p1", "dl_p2" FROM x)");
}

}  // namespace
}  // namespace dl::master::test
