#include "common/duck/query_functions.h"
#include "common/duck/select_ast.h"
#include "common/duck/sql_limits.h"
#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::test {
namespace {

class SelectGate : public ::testing::Test {
  protected:
    static void SetUpTestSuite() { database_ = open_database(); }
    static void TearDownTestSuite() { database_.reset(); }

    static Result<GateReport> check(std::string_view sql) {
        DL_TRY_ASSIGN(auto ast, SelectAst::parse(*database_, sql));
        return check_select(
            ast, [](const std::string& name) { return name == "t" || name == "u" || name == "flights"; });
    }
    static std::string code(std::string_view sql) {
        const auto report = check(sql);
        return report ? "OK" : std::string(error_code_name(report.error().code));
    }
    static std::set<std::string> tables(std::string_view sql) {
        const auto report = check(sql);
        EXPECT_TRUE(report) << sql << ": " << (report ? "" : report.error().to_text());
        return report ? report->tables : std::set<std::string>{"?"};
    }
    static std::shared_ptr<DuckDatabase> database_;
};
std::shared_ptr<DuckDatabase> SelectGate::database_;

TEST_F(SelectGate, LetsAnalyticSqlThrough) {
    for (const std::string sql :
         {"select * from t",
          "SELECT a, count(*) FROM T GROUP BY ALL HAVING count(*) > 1 ORDER BY 2 DESC LIMIT 3 OFFSET 1;",
          "select distinct a from t where b between 1 and 2 or c in (1,2) and not d like 'x%'",
          "select t.a, u.b from t join u using (id) left join lateral (select 1 x) z on true",
          "select * from t asof join u on t.a >= u.a",
          "select * from t positional join u",
          "with c as (select 1 a), d as materialized (select a from c) select * from c, d",
          "with recursive r(n) as (select 1 union all select n+1 from r where n<5) select * from r",
          "select sum(a) over (partition by b order by c rows between 1 preceding and current row) w from t "
          "qualify w > 1",
          "select * from range(10) r, unnest([1,2]) u(x), generate_series(1, 3)",
          "values (1),(2)",
          "table t",
          "from t select a",
          "select case when a then 1 else 2 end, a::int, try_cast(a as int), [1], {'a':1}, a[1], "
          "list_transform([1], lambda x: x+1) from t",
          "select count(*) filter (where a>1), list(a order by b), string_agg(a, ',') from t",
          "select a from t union all select a from u intersect select 1 except select 2 order by 1",
          "select * from t pivot (sum(b) for a in (1, 2))",
          "unpivot t on a, b into name n value v",
          "select * exclude (a) replace (1 as b) from t",
          "select columns('a.*') from t",
          "select exists(select 1 from u where u.a = t.a), (select max(a) from u) from t",
          "select a = any(select b from u), current_date, now(), interval 3 day, date '2024-01-31' from t",
          "select regexp_extract(a, 'x'), strftime(b, '%Y'), round(c, 2), hash(a), md5(a), repeat('-', 10), "
          "lpad(a, 5, '0') from t",
          "select * from t tablesample 10%",
          "select grouping(a), a from t group by rollup(a)",
          "select t.a -- comment\nfrom t -- end",
          "select printf('%05d %s', a, b), format('{:04d} {}', a, b) from t",
          "explain select * from t",
          "/* x */ select 1 /* y */",
          "select 'explain; drop table t'",
          "select \"a\" from \"t\" where b = 'it''s'",
          "select timestamp with time zone '2024-01-31' "}) {
        EXPECT_EQ(code(sql), "OK") << sql << ": " << check(sql).error().to_text();
    }
}

TEST_F(SelectGate, RefusesEverythingElse) {
    const std::vector<std::pair<std::string, std::string>> hostile = {
        {"drop table t", "NOT_SUPPORTED"},
        {"create table x(a int)", "NOT_SUPPORTED"},
        {"insert into t values (1)", "NOT_SUPPORTED"},
        {"update t set a=1", "NOT_SUPPORTED"},
        {"delete from t", "NOT_SUPPORTED"},
        {"copy t to 'x.csv'", "NOT_SUPPORTED"},
        {"copy (select 1) to '/tmp/x'", "NOT_SUPPORTED"},
        {"attach 'x.db'", "NOT_SUPPORTED"},
        {"detach x", "NOT_SUPPORTED"},
        {"install httpfs", "NOT_SUPPORTED"},
        {"load httpfs", "NOT_SUPPORTED"},
        {"set threads=1", "NOT_SUPPORTED"},
        {"reset threads", "NOT_SUPPORTED"},
        {"pragma version", "NOT_SUPPORTED"},
        {"pragma database_list", "NOT_SUPPORTED"},
        {"call pragma_version()", "NOT_SUPPORTED"},
        {"checkpoint", "NOT_SUPPORTED"},
        {"vacuum", "NOT_SUPPORTED"},
        {"export database 'x'", "NOT_SUPPORTED"},
        {"import database 'x'", "NOT_SUPPORTED"},
        {"begin", "NOT_SUPPORTED"},
        {"prepare p as select 1", "NOT_SUPPORTED"},
        {"execute p", "NOT_SUPPORTED"},
        {"use main", "NOT_SUPPORTED"},
        {"create macro m() as 1", "NOT_SUPPORTED"},
        {"create view v as select 1", "NOT_SUPPORTED"},
        {"select 1; select 2", "NOT_SUPPORTED"},
        {"select 1; drop table t", "NOT_SUPPORTED"},
        {"explain drop table t", "NOT_SUPPORTED"},
        {"explain analyze select 1", "NOT_SUPPORTED"},
        {"explain explain select 1", "NOT_SUPPORTED"},
        {"explain (format json) select 1", "NOT_SUPPORTED"},
        {"select * from read_csv('/etc/passwd')", "NOT_SUPPORTED"},
        {"select * from READ_PARQUET('x')", "NOT_SUPPORTED"},
        {"select * from \"read_text\"('x')", "NOT_SUPPORTED"},
        {"select * from parquet_scan('x')", "NOT_SUPPORTED"},
        {"select * from glob('/*')", "NOT_SUPPORTED"},
        {"select * from sniff_csv('x')", "NOT_SUPPORTED"},
        {"select * from query('select 1')", "NOT_SUPPORTED"},
        {"select * from query_table('t')", "NOT_SUPPORTED"},
        {"select * from duckdb_settings()", "NOT_SUPPORTED"},
        {"select * from duckdb_secrets()", "NOT_SUPPORTED"},
        {"select * from pragma_table_info('t')", "NOT_SUPPORTED"},
        {"select * from dl_scan(1)", "NOT_SUPPORTED"},
        {"select dl_alive(1, 2)", "NOT_SUPPORTED"},
        {"select getenv('HOME')", "NOT_SUPPORTED"},
        {"select current_setting('temp_directory')", "NOT_SUPPORTED"},
        {"select getvariable('x')", "NOT_SUPPORTED"},
        {"select nextval('s')", "NOT_SUPPORTED"},
        {"select write_log('x')", "NOT_SUPPORTED"},
        {"select json_serialize_sql('select 1')", "NOT_SUPPORTED"},
        {"select * from json_execute_serialized_sql('{}')", "NOT_SUPPORTED"},
        {"select * from repeat_row(1, num_rows := 1000000000)", "NOT_SUPPORTED"},
        {"select * from repeat('x', 100)", "NOT_SUPPORTED"},
        {"select * from test_all_types()", "NOT_SUPPORTED"},
        {"select main.getenv('x')", "NOT_SUPPORTED"},
        {"select system.main.current_setting('x')", "NOT_SUPPORTED"},
        {"select a from t where getenv('x') = 'y'", "NOT_SUPPORTED"},
        {"select (select getenv('x'))", "NOT_SUPPORTED"},
        {"with c as (select * from read_csv('x')) select 1", "NOT_SUPPORTED"},
        {"select a from t order by getenv('x')", "NOT_SUPPORTED"},
        {"select a from t limit (select length(getenv('x')))", "NOT_SUPPORTED"},
        {"select count(*) filter (getenv('x') = '') from t", "NOT_SUPPORTED"},
        {"select sum(a) over (order by getenv('x')) from t", "NOT_SUPPORTED"},
        {"select list_transform([1], lambda x: getenv('x'))", "NOT_SUPPORTED"},
        {"values (getenv('x'))", "NOT_SUPPORTED"},
        {"select * replace (getenv('x') as a) from t", "NOT_SUPPORTED"},
        {"select case when getenv('x')='' then 1 end", "NOT_SUPPORTED"},
        {"select * from t join u on getenv('x') = u.a", "NOT_SUPPORTED"},
        {"select a from t group by getenv('x')", "NOT_SUPPORTED"},
        {"select a from t qualify getenv('x') = ''", "NOT_SUPPORTED"},
        {"select getenv('x')[1]", "NOT_SUPPORTED"},
        {"select {'a': getenv('x')}", "NOT_SUPPORTED"},
        {"select distinct on (getenv('x')) a from t", "NOT_SUPPORTED"},
        {"pivot t on a using sum(length(getenv('x')))", "NOT_SUPPORTED"},
        {"select ?", "NOT_SUPPORTED"},
        {"select $1", "NOT_SUPPORTED"},
        {"select $x", "NOT_SUPPORTED"},
        {"select * from system.information_schema.tables", "NOT_SUPPORTED"},
        {"select * from information_schema.tables", "NOT_SUPPORTED"},
        {"select * from pg_catalog.pg_class", "NOT_SUPPORTED"},
        {"describe t", "NOT_SUPPORTED"},
        {"show tables", "NOT_SUPPORTED"},
        {"summarize nosuch", "TABLE_NOT_FOUND"},
        {"select * from (describe t)", "NOT_SUPPORTED"},
        {"select * from (show tables)", "NOT_SUPPORTED"},
        {"select * from t at (version => 1)", "NOT_SUPPORTED"},
        {"select * from '/etc/passwd'", "TABLE_NOT_FOUND"},
        {"select * from 'x.parquet'", "TABLE_NOT_FOUND"},
        {"select * from duckdb_tables", "TABLE_NOT_FOUND"},
        {"select * from sqlite_master", "TABLE_NOT_FOUND"},
        {"select * from nowhere", "TABLE_NOT_FOUND"},
        {"summarize 'x.csv'", "TABLE_NOT_FOUND"},
        {"select repeat('x', 2000000000)", "LIMIT_EXCEEDED"},
        {"select repeat('x', 1000*1000*1000)", "LIMIT_EXCEEDED"},
        {"select lpad('x', 2000000000, 'y')", "LIMIT_EXCEEDED"},
        {"select range(1000000000)", "LIMIT_EXCEEDED"},
        {"select list_resize([1], 1000000000)", "LIMIT_EXCEEDED"},
        {"select printf('%1000000000d', 1)", "LIMIT_EXCEEDED"},
        {"select format('{:1000000000}', 1)", "LIMIT_EXCEEDED"},
        {"select format('{:{}}', 1, 1000000000)", "LIMIT_EXCEEDED"},
        {"select printf('%*d', 1000000000, 1)", "LIMIT_EXCEEDED"},
        {"select", "SYNTAX_ERROR"},
        {"selec 1", "SYNTAX_ERROR"},
        {"", "SYNTAX_ERROR"},
        {"  ;; ", "SYNTAX_ERROR"},
        {"-- nothing", "SYNTAX_ERROR"},
        {"explain", "SYNTAX_ERROR"},
        {std::string("select 'a\0b'", 12), "SYNTAX_ERROR"},
        {"select '\xff'", "SYNTAX_ERROR"},
        {"select 'open", "SYNTAX_ERROR"},
        {"select * from", "SYNTAX_ERROR"}};
    EXPECT_GE(hostile.size(), 100u);
    for (const auto& [sql, expected] : hostile)
        EXPECT_EQ(code(sql), expected) << sql << ": " << (check(sql) ? "" : check(sql).error().to_text());
}

// What DuckDB has and the gate does not let through: looked at one by one. A newer DuckDB that brings more
// fails here.
TEST_F(SelectGate, EveryFunctionOfTheEngineWasLookedAt) {
    const std::set<std::string> refused = {"bitstring_byte_comparable",
                                           "col_description",
                                           "combine",
                                           "combine_aggr",
                                           "constant_or_null",
                                           "create_sort_key",
                                           "current_connection_id",
                                           "current_query",
                                           "current_query_id",
                                           "current_schemas",
                                           "current_setting",
                                           "current_transaction_id",
                                           "currval",
                                           "decimal_average",
                                           "decimal_division",
                                           "finalize",
                                           "get_block_size",
                                           "get_type",
                                           "getenv",
                                           "getvariable",
                                           "hive_partition_component",
                                           "in_search_path",
                                           "index_key",
                                           "invoke",
                                           "json_copy_strftime_if_date",
                                           "json_copy_strftime_if_timestamp",
                                           "json_deserialize_sql",
                                           "json_serialize_plan",
                                           "json_serialize_sql",
                                           "make_type",
                                           "nextval",
                                           "obj_description",
                                           "parse_duckdb_log_message",
                                           "path_join",
                                           "remap_struct",
                                           "replace_type",
                                           "setseed",
                                           "setval",
                                           "shobj_description",
                                           "sleep_ms",
                                           "stats",
                                           "timetz_byte_comparable",
                                           "to_aggregate_state",
                                           "txid_current",
                                           "vector_type",
                                           "vertex_extract",
                                           "write_log"};
    const auto is_internal = [](const std::string& name) {
        for (const char* prefix :
             {"__", "dl_", "collate_", "icu_", "inet_", "has_", "pg_", "st_", "variant_"}) {
            if (name.starts_with(prefix)) return true;
        }
        return false;
    };
    const auto session = open_session(*database_);
    std::set<std::string> known;
    for (const auto& row :
         rows(*session,
              "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE function_type "
              "IN ('scalar', 'aggregate', 'macro', 'window')")) {
        known.insert(row[0]);
        EXPECT_TRUE(is_query_function(row[0]) != (refused.contains(row[0]) || is_internal(row[0])) ||
                    row[0].starts_with("pg_") || row[0] == "__postfix")
            << row[0] << " is new: does it compute from its arguments alone, whatever they are?";
    }
    for (const auto name : query_functions())
        EXPECT_TRUE(known.contains(std::string(name)) || name == "unnest") << name;
    EXPECT_EQ(
        check("select uper(a) from t").error().message,
        "the function uper() is not supported: queries call what computes from its arguments and the rows of "
        "tables, and reach no files, settings or internals; did you mean upper()?");
}

TEST_F(SelectGate, WhatTakesTheEngineDownIsRefusedByName) {
    for (const char* sql :
         {"select a::variant from t", "select try_cast(a as variant[]) from t",
          "select a::struct(x int, y variant) from t", "select a::geometry from t", "select a::bignum from t",
          "select variant_typeof(a) from t", "select sleep_ms(100000)", "select pg_sleep(100)",
          "select setval('s', 1)", "select * from json_tree('[1]')", "select st_astext(a) from t",
          "select * from t nearest join u on t.a < u.a order by 1 limit 1 by t.a",
          "with x as (insert into t values (1) returning a) select * from x", "select * from a.b.c.t",
          "select a.b.c.upper(a) from t", "select system.main.upper(a) from t"})
        EXPECT_NE(code(sql), "OK") << sql;
    const std::string deep = "'" + std::string(101, '[') + std::string(101, ']') + "'";
    for (const auto& sql : std::vector<std::string>{
             "select json_contains(a, b) from t", "select json_contains(a, " + deep + ") from t",
             "select json_transform('1', a) from t", "select from_json_strict('1', " + deep + ") from t",
             "select a.json_contains(b) from t"})
        EXPECT_EQ(code(sql), "LIMIT_EXCEEDED") << sql;
    for (const char* sql :
         {"select json_contains(a, '[1]'::json), from_json(a, '{\"x\":\"INT\"}') from t",
          "select a.upper(), t.a.upper(), main.upper(a) from t", "select * from main.t",
          "select e.value from t, json_each(t.a) e",
          "select lpad(a, 5 + 3), rpad(a, 2 * (3 + 4), '-') from t",
          "select lpad(a, length(b)), repeat('-', c), range(c), printf(a, 1), a.repeat(100) from t",
          "select a::json, a::hugeint, a::struct(x int, y decimal(10,2)[])[3], a::map(int, json) from t"})
        EXPECT_EQ(code(sql), "OK") << sql << ": " << (check(sql) ? "" : check(sql).error().to_text());
    for (const char* sql : {"select lpad(a, 1000 * 1001) from t", "select repeat(a, 2000000) from t"})
        EXPECT_EQ(code(sql), "LIMIT_EXCEEDED") << sql;
}

// DuckDB's words for it, without those about the form of its trees.
TEST_F(SelectGate, WhatATreeCannotHoldIsNamed) {
    EXPECT_EQ(check("select * from t pivot (sum(b) for a in (1 + 1, 2))").error().to_text(),
              "NOT_SUPPORTED: the statement has a clause or a type that queries do not support: "
              "non-constant expression '(1 + 1)' in pivot list");
    for (const char* text : {"NEAREST", "CTE", " when targeting "}) {
        const auto error =
            check("select * from t pivot (sum(b) for a in (lower('" + std::string(text) + "'), 2))").error();
        EXPECT_NE(error.message.find("expression 'lower('" + std::string(text) + "')' in pivot list"),
                  std::string::npos)
            << error.message;
        EXPECT_EQ(error.message.find("version"), std::string::npos) << error.message;
    }
    EXPECT_EQ(check("with x as (insert into t values (1) returning a) select * from x").error().message,
              "only SELECT can be run as a query, also inside WITH");
}

TEST_F(SelectGate, DeepAndLongStatementsAreRefusedQuickly) {
    const auto times = [](std::string_view text, int count) {
        std::string out;
        for (int i = 0; i < count; ++i)
            out += text;
        return out;
    };
    const std::vector<std::string> statements = {
        "select " + times("(", 100000) + "1" + times(")", 100000),
        "select " + times("[", 5000) + "1" + times("]", 5000), "select " + times("1+", 100000) + "1",
        "select " + times("a and ", 100000) + "a", "select " + times("not ", 100000) + "a",
        "select 1" + times(" union select 1", 20000), "select * from t" + times(" join t on 1=1", 20000),
        times("with a as (", 14) + "select 1" + times(") select * from a", 14),
        "select a" + times("::int", 100000) + " from t",
        times("with a as materialized (", 14) + "select 1" + times(") select * from a", 14),
        "with x as (select 1)" + times(", y as not materialized (select 1)", 3000) + " select 1",
        "select " + times("case when a then ", 5000) + "1" + times(" end", 5000),
        // Quotes and comments that try to hide what is open.
        "select " + times("( ')' || e'\\')' || $$)$$ || \")\" -- )\n || /* ) /* ) */ */ ", 300) + "1",
        "select a from t where a in (1" + times(",1", 200000) + ")", std::string(5u << 20, ' ') + "select 1"};
    const auto start = std::chrono::steady_clock::now();
    for (const auto& sql : statements) {
        const auto report = check(sql);
        ASSERT_FALSE(report) << sql.substr(0, 60);
        EXPECT_TRUE(report.error().code == ErrorCode::limit_exceeded ||
                    report.error().code == ErrorCode::syntax_error)
            << report.error().to_text();
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
    EXPECT_EQ(code("select " + times("(", 150) + "1" + times(")", 150)), "OK");
    EXPECT_EQ(code("select '" + times("(", 1000) + "', 1 -- " + times("(", 1000)), "OK");
    EXPECT_EQ(code("select a from t where " + times("a = 1 or ", 2000) + "b"), "OK");
    EXPECT_EQ(code("select 1" + times(" union all select 1", 1000)), "OK");
}

TEST_F(SelectGate, LambdasInsideEachOtherMakeABoundedNumberOfElements) {
    for (const char* sql :
         {"SELECT list_transform(range(1000000), x -> list_sum(range(1000000)))",
          "SELECT list_reduce(range(2000), (a, b) -> a + list_sum(range(2000)))",
          "SELECT [x FOR x IN range(10000) IF list_contains(range(10000), x)]",
          "SELECT list_transform(range(200), x -> list_transform(range(200), y -> list_sum(range(200))))"}) {
        const auto result = check(sql);
        ASSERT_FALSE(result) << sql;
        EXPECT_EQ(result.error().code, ErrorCode::limit_exceeded) << result.error().to_text();
    }
    EXPECT_TRUE(check("SELECT list_transform(range(1000), x -> list_sum(range(1000)))"));
    EXPECT_TRUE(check("SELECT list_transform(range(1000000), x -> x + 1)"));
}

TEST_F(SelectGate, CteShadowsATableOnlyInItsScope) {
    using Set = std::set<std::string>;
    EXPECT_EQ(tables("select * from t, U"), (Set{"t", "u"}));
    EXPECT_EQ(tables("with t as (select 1) select * from t"), (Set{}));
    EXPECT_EQ(tables("with t as (select * from t) select * from t"), (Set{"t"}));
    EXPECT_EQ(tables("with t as materialized (select * from t) select * from t"), (Set{"t"}));
    EXPECT_EQ(tables("select * from (with t as (select 1) select * from t) x, t"), (Set{"t"}));
    EXPECT_EQ(tables("with a as (select * from u), u as (select 1) select * from a, u"), (Set{"u"}));
    EXPECT_EQ(tables("with u as (select 1), a as (select * from u) select * from a, u"), (Set{}));
    EXPECT_EQ(tables("with T as (select 1) select * from (select * from t)"), (Set{}));
    EXPECT_EQ(
        tables("with recursive t as (select 1 n union all select n+1 from t where n<3) select * from t"),
        (Set{}));
    EXPECT_EQ(tables("select (with t as (select 1 a) select max(a) from t), a from t"), (Set{"t"}));
    EXPECT_EQ(tables("select a from t union all (with t as (select 1) select * from t)"), (Set{"t"}));
    EXPECT_EQ(check("with c as (select 1) select * from (select 1) s, missing").error().to_text(),
              "TABLE_NOT_FOUND: there is no table 'missing'; show_table lists them");
    EXPECT_EQ(check("select * from t a, t b, u")->table_references, 3u);
}

TEST_F(SelectGate, SyntaxErrorsSayWhere) {
    const auto report = check("select a frm t where");
    ASSERT_FALSE(report);
    EXPECT_NE(report.error().message.find("syntax error"), std::string::npos) << report.error().message;
    EXPECT_NE(report.error().message.find("at byte"), std::string::npos) << report.error().message;
}

TEST_F(SelectGate, TreesComeBackAsText) {
    for (const std::string sql :
         {"select a, 'it''s', 1.5, -3, null, true from t where b = 12345678901234567890 order by 1 desc "
          "nulls last limit 2",
          "with recursive r(n) as (select 1 union all select n+1 from r where n<5) select * from r",
          "select sum(a) over (partition by b) from t qualify true", "explain select 1"}) {
        auto ast = SelectAst::parse(*database_, sql);
        ASSERT_TRUE(ast) << sql;
        const auto text = ast->to_sql(*database_);
        ASSERT_TRUE(text) << text.error().to_text();
        auto again = SelectAst::parse(*database_, *text);
        ASSERT_TRUE(again) << *text;
        EXPECT_EQ(*again->to_sql(*database_), *text);
    }
    EXPECT_TRUE(SelectAst::parse(*database_, "EXPLAIN\nselect 1;")->explain());
    EXPECT_EQ(SelectAst::parse(*database_, " explain /*x*/ select 1 ; ; ")->text(), "select 1");
}

}  // namespace
}  // namespace dl::test
