#include "master/sql/macros.h"

#include <gmock/gmock.h>

#include "common/duck/select_ast.h"
#include "master/sql/syntax_hints.h"
#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::master {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class MacrosTest : public ::testing::Test {
  protected:
    std::string expanded(const std::string& sql) {
        auto text = with_macros(*database_, sql);
        if (text.has_error()) return text.error().to_text();
        return text->value_or("as it is");
    }
    // The only value, as text.
    std::string answer(const std::string& expression) {
        const auto said = "SELECT CAST((" + expression + ") AS VARCHAR) AS v";
        auto text = with_macros(*database_, said);
        if (text.has_error()) return text.error().to_text();
        const auto sql = text->value_or(said);
        auto session = database_->session().value();
        auto result = session->query(sql);
        if (result.has_error()) return result.error().to_text();
        auto next = (*result)->next();
        if (next.has_error()) return next.error().to_text();
        const auto& batch = *next;
        return batch->columns()[0].is_null(0) ? "NULL" : std::string(batch->columns()[0].bytes(0));
    }

    std::shared_ptr<DuckDatabase> database_ = dl::test::open_database();
};

TEST_F(MacrosTest, FunctionsOfOtherSystemsGiveWhatTheyGiveThere) {
    const std::string at = "TIMESTAMP '2024-02-29 13:47:58.123456'";
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"toStartOfSecond(" + at + ")", "2024-02-29 13:47:58"},
        {"date_bin(INTERVAL 15 MINUTE, " + at + ", TIMESTAMP '2024-01-01 00:05:00')", "2024-02-29 13:35:00"},
        {"date_bin(INTERVAL 1 DAY, " + at + ")", "2024-02-29 00:00:00"},
        {"str_to_date('29.02.2024 13:47', '%d.%m.%Y %H:%i')", "2024-02-29 13:47:00"},
        {"to_date('29.02.2024', 'DD.MM.YYYY')", "2024-02-29"},
        {"to_date('2024-02-29')", "2024-02-29"},
        {"formatDateTime(" + at + ", '%Y-%m-%d %H:%i')", "2024-02-29 13:47"},
        {"toString(42)", "42"},
        {"toYYYYMM(" + at + ")", "202402"},
        {"toYYYYMMDD(" + at + ")", "20240229"},
        {"toYear(" + at + ") + toMonth(" + at + ") + toHour(" + at + ")", "2039"},
        {"isnull(NULL) AND NOT isnull(1)", "true"},
        {"getdate() = now()", "true"},
        {"length(CAST(newid() AS VARCHAR))", "36"},
        {"charindex('b', 'abc')", "2"},
        {"datediff('day', DATE '2024-01-01', DATE '2024-01-03')", "2"},
        {"year(to_timestamp(0))", "1970"},
        {"'\\x41'::BLOB = x'41'", "true"},
        {"'\\x41\\x42'::BYTEA = x'4142'", "true"},
        {"current_database()", "datalake"},
        {"current_catalog()", "datalake"},
        {"database() || '.' || schema()", "datalake.main"},
        {"current_schema()", "main"},
        {"left(version(), 11) || regexp_matches(version(), '^DataLakeDB [0-9]+[.][0-9]+')",
         "DataLakeDB true"},
        {"locate('b', 'abc')", "2"},
        {"curdate() = current_date", "true"},
        {"convert_tz(TIMESTAMP '2024-07-01 10:00:00', 'UTC', 'Europe/Berlin')", "2024-07-01 12:00:00"},
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
    // A star stands for columns with names of their own.
    EXPECT_THAT(expanded("SELECT * REPLACE (CAST(v AS varchar(2)) AS v) FROM t"),
                AllOf(HasSubstr("REPLACE ("), Not(HasSubstr("AS \"*"))));
    EXPECT_THAT(expanded("SELECT CAST(COLUMNS('v|n') AS varchar(2)) FROM t"), Not(HasSubstr("AS \"")));
    EXPECT_THAT(expanded("SELECT (SELECT count(*) FROM (SELECT * FROM t)) + nvl(a, 1) FROM t"),
                HasSubstr("AS \""));
}

TEST_F(MacrosTest, CastsTakeTheNamesOfColumnTypes) {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"'äöüß'::varchar(3)", "äöü"},
        {"cast('abc' as char(2))", "ab"},
        {"cast(12345 as nvarchar(3))", "123"},
        {"'abc'::character varying(2)", "ab"},
        {"try_cast('abcd' as varchar2(2))", "ab"},
        {"'a'::varchar(3)", "a"},
        {"NULL::varchar(3)", "NULL"},
        {"'abc'::varchar(2)::varchar(1)", "a"},
        {"7::number(10,2)", "7.00"},
        {"'7'::int(11) + '8'::bigint(20)", "15"},
        {"'[1]'::jsonb->>'$[0]'", "1"},
        {"try_cast('nope' as jsonb)", "NULL"},
        {"'ABC'::clob", "ABC"},
        {"'123e4567-e89b-12d3-a456-426614174000'::guid", "123e4567-e89b-12d3-a456-426614174000"},
        {"'12:30:00'::time(3)", "12:30:00"},
        {"'2024-01-31'::datetime2", "2024-01-31 00:00:00"},
        {"'abc'::varchar(max)", "abc"},
        {"'::varchar(1)'", "::varchar(1)"},
    };
    for (const auto& [expression, wanted] : cases)
        EXPECT_EQ(answer(expression), wanted) << expression;
    EXPECT_THAT(answer("300::tinyint(3)"), HasSubstr("out of range"));
    EXPECT_THAT(answer("'x'::guid"), HasSubstr("UUID"));
    EXPECT_THAT(expanded("SELECT s::varchar(3) FROM t"), HasSubstr("AS \"CAST(s AS VARCHAR(3))\""));
    for (const char* sql : {"SELECT a::int FROM t", "SELECT 'x::varchar(3)'", "SELECT varchar(3)",
                            "SELECT cast(a as decimal(10,2)) FROM t", "SELECT a::varchar(3)[] FROM t"})
        EXPECT_EQ(expanded(sql), "as it is") << sql;
}

TEST_F(MacrosTest, WhatHasNoFormNamesTheWay) {
    for (const auto& [sql, way] : std::vector<std::pair<std::string, std::string>>{
             {"SELECT time_bucket_gapfill('1 hour', ts) FROM t WHERE ts > now()", "in GROUP BY"},
             {"SELECT time_bucket_gapfill('1 hour', ts) b, sum(v) FROM t GROUP BY b", "begin and end"},
             {"SELECT time_bucket_gapfill('1 hour', ts) b FROM t WHERE ts >= now() AND ts < u GROUP BY b",
              "where its buckets end"},
             {"SELECT time_bucket_gapfill('1 hour', ts, 'Europe/Berlin') b FROM t GROUP BY b", "in UTC"},
             {"SELECT time_bucket_gapfill('1 hour', ts, now(), now()) b, g FROM t GROUP BY b", "column 'g'"},
             {"SELECT time_bucket_gapfill('1 hour', ts, now(), now()) b, * FROM t GROUP BY ALL", "no *"},
             {"SELECT time_bucket_gapfill('1 hour', ts, now(), now()) b, time_bucket_gapfill('1 day', ts, "
              "now(), "
              "now()) FROM t GROUP BY b",
              "one kind"},
             {"SELECT locf(avg(v)) FROM t", "group by it"},
             {"SELECT interpolate(avg(v)) FROM t GROUP BY g", "group by hour, device"},
             {"SELECT 1 FROM t WHERE locf(v) > 1", "with GROUP BY time_bucket_gapfill"},
             {"SELECT toStartOfWeek(ts) FROM t", "toMonday"},
             {"SELECT dateadd(day, 1, ts) FROM t", "interval 1 day"},
             {"SELECT initcap(a) FROM t", "upper(left("},
             {"SELECT to_number(a) FROM t", "cast("},
             {"SELECT to_char(ts, 'Month') FROM t", "FMMonth"},
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

TEST_F(MacrosTest, WordsOfOtherSystemsNameTheFormHere) {
    for (const auto& [sql, way] : std::initializer_list<std::pair<const char*, const char*>>{
             {"select groupArray(a) from t", "write list(x)"},
             {"select splitByChar(',', a) from t", "write string_split(text, ',')"},
             {"select arrayJoin([1]) from t", "write unnest(list)"},
             {"select * from numbers(3)", "from range(3) r(number)"},
             {"select timestampdiff(day, a, b) from t", "date_diff('day', a, b)"},
             {"select datediff(b, a) from t", "date_diff('day', b, a)"},
             {"select to_timestamp(a, 'YYYY') from t", "strptime(text"},
             {"select datediff(DAY, a, b) from t", "datediff('day', a, b)"},
             {"select isnull(a, 0) from t", "coalesce(v, 0)"},
             {"select top(5) a from t", "limit 5"},
             {"select JSONExtractString(j, 'k') from t", "json_extract_string"},
             {"select '\\x4142'::bytea", "x'4142'"},
             {"select cast('\\x4142' as binary)", "x'4142'"},
             {"select e'\\\\x4142'::bytea", "x'4142'"},
             {"select try_cast('\\x4142' as blob)", "x'4142'"},
             {"select current_user", "no users"},
             {"select 1, user", "no users"},
             {"select user()", "no users"}})
        EXPECT_THAT(expanded(sql), HasSubstr(way)) << sql;
    EXPECT_THAT(expanded("select current_catalog"), HasSubstr("'datalake' AS current_catalog"));
    EXPECT_THAT(expanded("select lower(current_catalog) as c"), HasSubstr("lower('datalake')"));
    for (const char* own :
         {"select user from t", "select t.user, current_catalog from t", "select '\\x4142' from t"})
        EXPECT_EQ(expanded(own), "as it is") << own;
}

TEST(SyntaxHints, NameTheFormHere) {
    const auto hint = [](std::string_view sql) {
        return with_syntax_hint(make_error(ErrorCode::syntax_error, "syntax error"), sql).message;
    };
    for (const auto& [sql, way] : std::initializer_list<std::pair<const char*, const char*>>{
             {"select ANY(a) from t", "any_value(x)"},
             {"select group_concat(a order by b separator ';') from t", "string_agg(x, ';' order by x)"},
             {"select * from t limit 1,2", "limit 5 offset 10"},
             {"select top 5 * from t", "limit 5"},
             {"select distinct top 5 a from t", "limit 5"},
             {"select 7 div 2", "7 // 2"},
             {"select a from t where a not regexp 'x'", "regexp_matches(x, 'b')"},
             {"select a from t where a rlike 'x'", "regexp_matches(x, 'b')"},
             {"select 7 mod 2", "7 % 2"},
             {"select a, b into t2 from t", "create table t2 primary key (COLUMN) as select a from t"},
             {"select a into outfile 'x.csv' from t", "\\save FILE"},
             {"select * from t where id = 1 for update", "no locks"},
             {"select * from t for share", "no locks"},
             {"select * from t prewhere a = 1", "prewhere is where"},
             {"select a from t limit 5 by a", "qualify row_number()"},
             {"select * from t format JSONEachRow;", "--format json"},
             {"select 1 settings max_threads = 1", "timeout_ms"},
             {"select quantile(0.5)(v) from t", "quantile_cont(x, 0.9)"}})
        EXPECT_THAT(hint(sql), HasSubstr(way)) << sql;
    for (const char* other :
         {"select from t where", "select a = any(select b) from", "values (1)(2)", "select separator t",
          "select 'div regexp' fro", "with x as (select 1 for) into", "select mod(7, 2",
          "select format from t where", "select settings from t =", "select \"top\" 5 limit"})
        EXPECT_EQ(hint(other), "syntax error") << other;
    EXPECT_EQ(with_syntax_hint(make_error(ErrorCode::query_error, "x"), "select 7 div 2").message, "x");
    EXPECT_THAT(hint("explain t"), HasSubstr("desc t"));
    EXPECT_THAT(hint("explain format=json select 1"), HasSubstr("no options"));
    EXPECT_EQ(hint("explain select from"), "syntax error");
}

TEST(SyntaxHints, NamesThatAreNoneHereNameWhatThereIs) {
    const auto hint = [](ErrorCode code, std::string_view sql) {
        return with_syntax_hint(make_error(code, "no"), sql).message;
    };
    for (const char* sql :
         {"select * from 'x.csv'", "from \"a/b.parquet\"", "select 1 from t join 'x.json.gz' on a = b"})
        EXPECT_THAT(hint(ErrorCode::invalid_value, sql), HasSubstr("--load FILE")) << sql;
    EXPECT_THAT(hint(ErrorCode::not_supported, "select * from read_csv('x.csv')"), HasSubstr("--load FILE"));
    EXPECT_THAT(hint(ErrorCode::table_not_found, "select 1 from dual"), HasSubstr("leave FROM dual out"));
    EXPECT_THAT(hint(ErrorCode::not_supported, "select @@version"), HasSubstr("version()"));
    for (const char* sql :
         {"select 'x.csv' from t", "select * from t where a = 'x.csv'", "select read_at from u"})
        EXPECT_EQ(hint(ErrorCode::table_not_found, sql), "no") << sql;
    EXPECT_EQ(hint(ErrorCode::query_error, "select 1 from dual"), "no");
}

}  // namespace
}  // namespace dl::master
