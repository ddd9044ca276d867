#include "master/sql/view_expansion.h"

#include <gmock/gmock.h>

#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::master {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ViewExpansionTest : public ::testing::Test {
  protected:
    void view(std::string name, std::string sql, std::vector<std::string> columns = {}) {
        auto key = name;
        views_[std::move(key)] = View{std::move(name), std::move(columns), std::move(sql)};
    }
    std::string expanded(const std::string& sql) { return expanded(sql, views_); }
    std::string expanded(const std::string& sql, const Views& views) {
        const auto has_table = [](const std::string& name) { return name == "t" || name == "u"; };
        auto text = with_views(*database_, sql, views, has_table);
        return text.has_error() ? text.error().to_text() : text->value_or("as it is");
    }
    std::string made(const std::string& name, const std::string& sql) {
        auto views = views_;
        views[name] = View{name, {}, sql};
        return expanded("SELECT * FROM " + name, views);
    }

    Views views_;
    std::shared_ptr<DuckDatabase> database_ = dl::test::open_database();
};

TEST_F(ViewExpansionTest, AViewIsItsSelectInParentheses) {
    view("v", "select id, 7 as n from t where id > 3");
    EXPECT_EQ(expanded("select * from t"), "as it is");
    EXPECT_EQ(expanded("select v from t"), "as it is") << "a column of that name";
    EXPECT_THAT(expanded("SELECT * FROM V"), HasSubstr("(SELECT id, 7 AS n FROM t WHERE (id > 3)) AS v"));
    EXPECT_THAT(expanded("select x.n from \"v\" as x join main.v on true"), HasSubstr("AS x"));
    EXPECT_THAT(expanded("select id from t where id in (select id from v)"), HasSubstr("7 AS n"));
    EXPECT_THAT(expanded("explain select * from v"), HasSubstr("EXPLAIN SELECT"));
}

TEST_F(ViewExpansionTest, ItsColumnsCanHaveOtherNames) {
    view("v", "select id, 7 from t", {"a", "b"});
    EXPECT_THAT(expanded("select b from v"), HasSubstr("AS v(a, b)"));
    EXPECT_THAT(expanded("select y from v as x(y, z)"), HasSubstr("AS x(y, z)"));
}

TEST_F(ViewExpansionTest, WithEntriesAroundMeanNothingInside) {
    view("v", "select * from t");
    EXPECT_EQ(expanded("with v as (select 1 as x) select * from v"), "as it is");
    EXPECT_THAT(expanded("with t as (select 1 as x) select * from v, t"), HasSubstr("main.t"));
    EXPECT_THAT(expanded("with t as (select * from v) select * from t"), Not(HasSubstr("main.t")));
    view("w", "with t as (select 2 as y) select * from t");
    EXPECT_THAT(expanded("with t as (select 1 as x) select * from w"), Not(HasSubstr("main.t")));
}

TEST_F(ViewExpansionTest, WhatIsGoneIsNamed) {
    view("v", "select * from gone");
    view("w", "select * from v");
    EXPECT_THAT(expanded("select * from w"),
                HasSubstr("TABLE_NOT_FOUND: view 'v' reads table 'gone', which does not exist"));
}

TEST_F(ViewExpansionTest, NoViewReadsItself) {
    EXPECT_THAT(made("v", "select * from v"), HasSubstr("INVALID_REQUEST: view 'v' would read itself"));
    view("v", "select * from t");
    view("w", "select * from v");
    EXPECT_THAT(made("v", "select * from w"), HasSubstr("would read itself, through 'v', 'w'"));
    EXPECT_THAT(made("v", "select id as v from t as v"), HasSubstr("SELECT"));
    EXPECT_THAT(made("x", "select 1) , (select 2"), HasSubstr("SYNTAX_ERROR"));
    EXPECT_THAT(made("x", "select 1; select 2"), HasSubstr("NOT_SUPPORTED"));
}

TEST_F(ViewExpansionTest, DepthAndNumberAreLimited) {
    view("v0", "select * from t");
    for (int i = 1; i <= 20; ++i)
        view("v" + std::to_string(i), "select * from v" + std::to_string(i - 1));
    EXPECT_THAT(expanded("select * from v15"), HasSubstr("SELECT"));
    EXPECT_THAT(expanded("select * from v16"), HasSubstr("LIMIT_EXCEEDED: views are more than 16"));
    view("w0", "select 1 as x");
    for (int i = 1; i <= 12; ++i) {
        const auto inner = "w" + std::to_string(i - 1);
        view("w" + std::to_string(i), "select a.x from " + inner + " a, " + inner + " b");
    }
    EXPECT_THAT(expanded("select * from w12"), HasSubstr("LIMIT_EXCEEDED: the statement and its views"));
}

TEST_F(ViewExpansionTest, TheStatementThatMakesIt) {
    EXPECT_EQ(create_statement(View{"v", {"a", "b c"}, "select 1, 2"}),
              "create view \"v\"(\"a\", \"b c\") as\nselect 1, 2");
}

}  // namespace
}  // namespace dl::master
