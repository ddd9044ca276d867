#include "master/sql/macros.h"

#include <gmock/gmock.h>

#include "common/duck/select_ast.h"
#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::master {
namespace {

using ::testing::HasSubstr;

class MacrosTest : public ::testing::Test {
  protected:
    std::string expanded(const std::string& sql) {
        auto text = with_macros(*database_, sql);
        if (text.has_error()) return text.error().to_text();
        return text->value_or("as it is");
    }
    // The only value, as text.
    std::string answer(const std::string& expression) {
        const auto sql = expanded("SELECT CAST((" + expression + ") AS VARCHAR) AS v");
        auto session = database_->session().value();
        auto result = session->query(sql);
        if (result.has_error()) return result.error().to_text();
        auto batch = (*result)->next().value();
        return batch->columns()[0].is_null(0) ? "NULL" : std::string(batch->columns()[0].bytes(0));
    }

    std::shared_ptr<DuckDatabase> database_ = dl::test::open_database();
};

TEST_F(MacrosTest, FunctionsOfOtherSystemsGiveWhatTheyGiveThere) {
    const std::string at = "TIMESTAMP '2024-02-29 13:47:58.123456'";
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"toStartOfSecond(" + at + ")", "2024-02-29 13:47:58"},
        {"toStartOfMinute(" + at + ")", "2024-02-29 13:47:00"},
        {"toStartOfFiveMinutes(" + at + ")", "2024-02-29 13:45:00"},
        {"toStartOfTenMinutes(" + at + ")", "2024-02-29 13:40:00"},
        {"toStartOfFifteenMinutes(" + at + ")", "2024-02-29 13:45:00"},
        {"toStartOfHour(" + at + ")", "2024-02-29 13:00:00"},
        {"TOSTARTOFDAY(" + at + ")", "2024-02-29 00:00:00"},
        {"toStartOfMonth(" + at + ")", "2024-02-01"},
        {"toStartOfYear(" + at + ")", "2024-01-01"},
        {"toMonday(" + at + ")", "2024-02-26"},
        {"toStartOfInterval(" + at + ", INTERVAL 4 HOUR)", "2024-02-29 12:00:00"},
        {"unix_timestamp(" + at + ")", "1709214478"},
        {"unix_timestamp('1969-12-31 23:59:58.5')", "-2"},
        {"unix_timestamp(DATE '1970-01-02')", "86400"},
        {"unix_timestamp() > 1700000000", "true"},
        {"from_unixtime(1709214478)", "2024-02-29 13:47:58"},
        {"iff(1 > 2, 'a', 'b')", "b"},
        {"iff(NULL, 'a', 'b')", "b"},
        {"nvl(NULL, 3)", "3"},
        {"to_char(" + at + ", 'YYYY-MM-DD HH24:MI:SS.MS')", "2024-02-29 13:47:58.123"},
        {"to_char(" + at + ", 'DD.MM.YY HH12:MI PM')", "29.02.24 01:47 PM"},
        {"to_char(" + at + ", 'YYYY-MM-DD\"T\"HH24:MI:SS.US')", "2024-02-29T13:47:58.123456"},
        {"to_char(" + at + ", 'FMMonth FMDD, Dy DDD')", "February 29, Thu 060"},
        {"date_format(" + at + ", '%Y-%m-%d %H:%i:%s')", "2024-02-29 13:47:58"},
        {"date_format(" + at + ", '%W %e %M %y, %k:%i %p, 100%%')",
         "Thursday 29 February 24, 13:47 PM, 100%"},
        {"(SELECT last(v, t) FROM (VALUES (1, 10), (2, 30), (3, 20)) x(v, t))", "2"},
        {"(SELECT first(v, t) FROM (VALUES (1, 30), (2, 10), (3, 20)) x(v, t))", "2"},
        {"(SELECT last(v, t) FILTER (WHERE v <> 2) FROM (VALUES (1, 10), (2, 30), (3, 20)) x(v, t))", "3"},
    };
    for (const auto& [expression, expected] : cases)
        EXPECT_THAT(answer(expression), HasSubstr(expected)) << expression;
}

TEST_F(MacrosTest, TheEnginesOwnStay) {
    EXPECT_EQ(expanded("SELECT last(x), first(x) FROM t"), "as it is");
    EXPECT_EQ(expanded("SELECT last, iff FROM t ORDER BY 1 NULLS LAST"), "as it is");
    EXPECT_EQ(expanded("SELECT 'iff(1, 2, 3)' FROM t -- to_char(x)"), "as it is");
    EXPECT_EQ(expanded("EXPLAIN SELECT iff(a, 1, 2) AS x FROM t").substr(0, 15), "EXPLAIN SELECT ");
}

TEST_F(MacrosTest, AColumnIsCalledAsItIsWritten) {
    EXPECT_THAT(expanded("SELECT toStartOfDay(ts) FROM t GROUP BY toStartOfDay(ts)"),
                HasSubstr("AS \"tostartofday(ts)\""));
    EXPECT_THAT(expanded("SELECT count(*), nvl(a, 1) + 1 FROM t"), HasSubstr("AS \"(nvl(a, 1) + 1)\""));
    EXPECT_THAT(expanded("SELECT iff(a, 1, 2) AS b FROM t"), HasSubstr("AS b"));
}

TEST_F(MacrosTest, WhatHasNoFormNamesTheWay) {
    for (const auto& [sql, way] : std::vector<std::pair<std::string, std::string>>{
             {"SELECT time_bucket_gapfill(INTERVAL 1 HOUR, ts) FROM t", "generate_series"},
             {"SELECT locf(avg(v)) FROM t", "ignore nulls"},
             {"SELECT interpolate(avg(v)) FROM t", "fill(v) over"},
             {"SELECT toStartOfWeek(ts) FROM t", "toMonday"},
             {"SELECT to_char(v, '999.99') FROM t", "\"999\""},
             {"SELECT to_char(ts, 'YYYY-Q') FROM t", "\"Q\""},
             {"SELECT to_char(ts, 'Month') FROM t", "strftime"},
             {"SELECT to_char(ts, f) FROM t", "written into the statement"},
             {"SELECT to_char(ts) FROM t", "takes 2"},
             {"SELECT date_format(ts, '%D') FROM t", "\"%D\""},
             {"SELECT iff(1, 2) FROM t", "takes 3"},
             {"SELECT unix_timestamp(1, 2) FROM t", "takes 0 or 1"}}) {
        EXPECT_THAT(expanded(sql), HasSubstr("NOT_SUPPORTED: ")) << sql;
        EXPECT_THAT(expanded(sql), HasSubstr(way)) << sql;
    }
}

}  // namespace
}  // namespace dl::master
