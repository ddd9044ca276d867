// Views, functions of other systems, PIVOT and what EXPLAIN ANALYZE tells, on one slave and on three, over
// the tail and over files: each gives the same answer everywhere.
#include <gmock/gmock.h>

#include <thread>

#include "tests/support/cluster_fixture.h"
#include "tests/support/tail_and_files.h"

namespace dl::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class ViewsTest : public ClusterTest, public ::testing::WithParamInterface<int> {
  protected:
    void SetUp() override {
        start({.slaves = GetParam()});
        auto client = connect();
        must(client, sql("create table t(id int primary key, g string, v int, ts timestamp) "
                         "partition.number = 6"));
        auto data = json::array();
        for (int i = 0; i < 40; ++i) {
            const auto at = "2024-01-0" + std::to_string(1 + i / 20) + " 0" + std::to_string(i % 10) +
                            ":59:5" + std::to_string(i % 10) + ".5";
            data.push_back({{"id", i},
                            {"g", i % 3 == 0   ? "a"
                                  : i % 3 == 1 ? "b"
                                               : "c"},
                            {"v", i},
                            {"ts", at}});
        }
        must(client, json{{"batch_insert", {{"table_name", "t"}, {"data", data}}}}.dump());
    }
    std::string answer(const std::string& statement) {
        auto client = connect();
        std::string lines;
        for (const auto& frame : must(client, query(statement)).frames)
            lines += (lines.empty() ? "" : "\n") + frame;
        return lines;
    }
};

TEST_P(ViewsTest, AViewIsReadLikeATable) {
    auto client = connect();
    must(client, sql("create view big as select id, v, g from t where v >= 30"));
    must(client, sql("create view sums(name, total) as select g, sum(v) from big group by g"));
    tail_and_files(connect(), "t", [&] {
        EXPECT_EQ(answer("select count(*) as n from big"), "{\"n\":10}");
        EXPECT_EQ(
            answer("select * from SUMS order by name"),
            "{\"name\":\"a\",\"total\":138}\n{\"name\":\"b\",\"total\":102}\n{\"name\":\"c\",\"total\":105}");
        EXPECT_EQ(answer("select id from big where id = 33"), "{\"id\":33}");
        EXPECT_EQ(answer("select count(*) as n from t join big using (id)"), "{\"n\":10}");
        EXPECT_EQ(answer("with t as (select 99 as id) select max(b.id) as n, max(t.id) as m from big b, t"),
                  "{\"n\":39,\"m\":99}");
        EXPECT_EQ(answer("select count(*) as n from big where id = (select max(id) from big)"), "{\"n\":1}");
        EXPECT_THAT(answer("explain select * from big"), HasSubstr("route"));
    });
    must(client, sql("create table copy primary key (id) as select id, v from big"));
    EXPECT_EQ(answer("select count(*) as n from copy"), "{\"n\":10}");
    must(client, sql("delete from copy where id in (select id from big where v < 35)"));
    EXPECT_EQ(answer("select count(*) as n from copy"), "{\"n\":5}");
    must(client,
         json{{"query", "select count(*) from big where v > $1"}, {"options", {{"params", {35}}}}}.dump());
}

TEST_P(ViewsTest, ViewsAreKeptListedAndRemoved) {
    auto client = connect();
    must(client, sql("create view v as select id, `g` from `t`"));
    must(client, sql("create view if not exists v as select 1"));
    must_fail(client, sql("create view v as select 1"), "TABLE_EXISTS");
    must_fail(client, sql("create view t as select 1"), "TABLE_EXISTS");
    must_fail(client, sql("create table v(id int primary key)"), "TABLE_EXISTS");
    must_fail(client, sql("create or replace table v(id int primary key)"), "TABLE_EXISTS");
    EXPECT_THAT(must_fail(client, sql("insert into v values (1)"), "TABLE_NOT_FOUND"),
                HasSubstr("is a view"));
    EXPECT_THAT(must_fail(client, sql("drop table v"), "TABLE_NOT_FOUND"), HasSubstr("is a view"));
    EXPECT_THAT(must_fail(client, sql("drop view t"), "TABLE_NOT_FOUND"), HasSubstr("is a table"));
    must_fail(client, sql("create view w as select nope from t"), "QUERY_ERROR");
    must_fail(client, sql("create view w as select * from read_csv('/etc/passwd')"), "NOT_SUPPORTED");
    must_fail(client, sql("create view w as select * from w"), "INVALID_REQUEST");
    must_fail(client, sql("create view w(a, b) as select 1"), "QUERY_ERROR");
    must_fail(client, sql("create view w(a) as select 1, 2"), "INVALID_REQUEST");
    must_fail(client, sql("create or replace view v as select * from (select * from v)"), "INVALID_REQUEST");
    for (int i = 0; i < GetParam(); ++i)
        cluster().slave(i).stop();
    cluster().master().stop();
    cluster().start();
    cluster().wait_serving("t");
    auto fresh = connect();
    EXPECT_EQ(answer("select g from v where id = 3"), "{\"g\":\"a\"}");
    EXPECT_EQ(answer("select table_name, table_type from information_schema.tables order by 1"),
              "{\"table_name\":\"t\",\"table_type\":\"BASE TABLE\"}\n"
              "{\"table_name\":\"v\",\"table_type\":\"VIEW\"}");
    EXPECT_EQ(fresh.request_single_frame(sql("show_table")), "[\"t\",\"v\"]");
    EXPECT_THAT(must(fresh, sql("show create view v")).frames.at(0),
                HasSubstr("select id, \\\"g\\\" from \\\"t\\\""));
    EXPECT_EQ(must(fresh, sql("show columns from v")).frames.size(), 2u);
    for (const char* statement : {"desc v", "describe v", "show V"})
        EXPECT_EQ(fresh.request(sql(statement)).text,
                  R"({"table_name":"v","major_key":"","partition_number":"0","partition_address":"{}",)"
                  R"("id":"{\"datatype\":\"int\",\"column_config\":\"NULL\"}",)"
                  R"("g":"{\"datatype\":\"string\",\"column_config\":\"NULL\"}"})");
    EXPECT_THAT(must_fail(fresh, R"({"metadata":"v"})", "TABLE_NOT_FOUND"), HasSubstr("is a view"));
    must(fresh, sql("create view names as select table_name, 1 as one from information_schema.tables"));
    EXPECT_THAT(must_fail(fresh, sql("desc names"), "NOT_SUPPORTED"),
                HasSubstr("use show columns from names"));
    must(fresh, sql("drop view names"));
    must(fresh, sql("create or replace view v as select 5 as five"));
    EXPECT_EQ(answer("select * from v"), "{\"five\":5}");
    must(fresh, sql("create or replace view v as select * from t"));
    must(fresh, sql("drop table t"));
    EXPECT_THAT(must_fail(fresh, query("select * from v"), "TABLE_NOT_FOUND"),
                HasSubstr("view 'v' reads table 't', which does not exist"));
    must(fresh, sql("drop view v"));
    must(fresh, sql("drop view if exists v"));
    must_fail(fresh, sql("drop view v"), "TABLE_NOT_FOUND");
    must_fail(fresh, query("select * from v"), "TABLE_NOT_FOUND");
}

TEST_P(ViewsTest, FunctionsOfOtherSystemsAnswerAlikeEverywhere) {
    tail_and_files(connect(), "t", [&] {
        EXPECT_EQ(
            answer("select toStartOfHour(ts) as h, count(*) as n, last(g, id) as l, first(v, id) as f from t "
                   "where toStartOfDay(ts) = timestamp '2024-01-02' group by h order by h limit 2"),
            "{\"h\":\"2024-01-02 00:00:00\",\"n\":2,\"l\":\"a\",\"f\":20}\n"
            "{\"h\":\"2024-01-02 01:00:00\",\"n\":2,\"l\":\"b\",\"f\":21}");
        EXPECT_EQ(
            answer("select to_char(ts, 'YYYY/MM/DD HH24:MI') as c, date_format(ts, '%d.%m. %H:%i:%s') as d, "
                   "unix_timestamp(ts) as u, iff(v > 5, 'high', 'low') as s from t where id = 7"),
            "{\"c\":\"2024/01/01 07:59\",\"d\":\"01.01. 07:59:57\",\"u\":1704095997,\"s\":\"high\"}");
        EXPECT_EQ(
            answer("select iff(v % 2 = 0, 'even', 'odd') as p, sum(v) as n from t group by 1 order by 1"),
            "{\"p\":\"even\",\"n\":380}\n{\"p\":\"odd\",\"n\":400}");
        EXPECT_EQ(answer("select toStartOfMinute(ts) from t where id = 3"),
                  "{\"tostartofminute(ts)\":\"2024-01-01 03:59:00\"}");
    });
}

TEST_P(ViewsTest, PivotsSeriesAndBackticks) {
    tail_and_files(connect(), "t", [&] {
        EXPECT_EQ(answer("pivot (select g, v % 2 as p, v from t) on g using sum(v) group by p order by p"),
                  "{\"p\":0,\"a\":126,\"b\":114,\"c\":140}\n{\"p\":1,\"a\":147,\"b\":133,\"c\":120}");
        EXPECT_EQ(
            answer("pivot (select g, v % 2 as p, v from t) on g in ('a') using sum(v) group by p order by p"),
            "{\"p\":0,\"a\":126}\n{\"p\":1,\"a\":147}");
        EXPECT_EQ(answer("select `id` as `the id` from `t` where `t`.`id` = 3"), "{\"the id\":3}");
    });
    // Without the values, wherever a query stands.
    EXPECT_EQ(answer("select p, a + b as s from (pivot (select g, v % 2 as p, v from t) on g using sum(v) "
                     "group by p) order by p"),
              "{\"p\":0,\"s\":240}\n{\"p\":1,\"s\":280}");
    EXPECT_EQ(
        answer(
            "with u as (select g, v % 2 as p, v from t), w as (pivot u on g using sum(v) group by p) select "
            "count(*) as n, sum(c) as c from w"),
        "{\"n\":2,\"c\":260}");
    EXPECT_EQ(
        answer("with u as (select g, v % 2 as p, v from t) pivot u on g using sum(v) group by p order by p"),
        "{\"p\":0,\"a\":126,\"b\":114,\"c\":140}\n{\"p\":1,\"a\":147,\"b\":133,\"c\":120}");
    auto maker = connect();
    must(maker, sql("create table wide primary key (p) as pivot (select g, v % 2 as p, v from t) on g using "
                    "sum(v) group by p"));
    must(maker,
         sql("insert into wide pivot (select g, v % 2 + 2 as p, v from t) on g using sum(v) group by p"));
    EXPECT_EQ(answer("select count(*) as n, sum(a) as a from wide"), "{\"n\":4,\"a\":546}");
    EXPECT_THAT(
        must_fail(maker, sql("create view w as select * from (pivot t on g using sum(v))"), "NOT_SUPPORTED"),
        HasSubstr("name the values"));
    must(maker, sql("create view w as pivot (select g, v % 2 as p, v from t) on g in ('a', 'b') using sum(v) "
                    "group by p"));
    EXPECT_EQ(answer("select sum(a) as a from w"), "{\"a\":273}");
    EXPECT_EQ(answer("select count(*) as n from (select unnest(generate_series(date '2024-01-01', date "
                     "'2024-02-01', interval 1 day)))"),
              "{\"n\":32}");
    auto client = connect();
    must(client, sql("create table `größe`(`länge` int primary key)"));
    must_fail(client, query("pivot t on nope"), "QUERY_ERROR");
    must_fail(client, query("pivot t on id in"), "SYNTAX_ERROR");
}

TEST_P(ViewsTest, ExplainAnalyzeTellsRowsAndTimesOfEachNode) {
    auto client = connect();
    for (const auto& statement : {query("explain analyze select g, sum(v) from t group by g"),
                                  sql("explain analyze select g, sum(v) from t group by g")}) {
        const auto frames = must(client, statement).frames;
        std::map<std::string, int> steps;
        std::int64_t rows_of_nodes = 0;
        for (const auto& frame : frames) {
            const auto row = json::parse(frame);
            const auto step = row["step"].get<std::string>();
            ++steps[step];
            if (step == "fragment" || step == "statement") {
                rows_of_nodes += row["rows"].get<std::int64_t>();
                EXPECT_GE(row["ms"].get<double>(), 0);
                EXPECT_GT(row["bytes"].get<std::int64_t>(), 0);
                EXPECT_THAT(row["detail"].get<std::string>(), Not(HasSubstr("not read")));
            }
            if (step == "total") {
                EXPECT_EQ(row["rows"], 3);
            }
        }
        EXPECT_EQ(steps["total"], 1);
        EXPECT_EQ(steps["route"], 1);
        if (GetParam() == 1) {
            EXPECT_EQ(steps["statement"], 1);
            EXPECT_EQ(rows_of_nodes, 3);
        } else {
            EXPECT_EQ(steps["cut"], 3);
            EXPECT_EQ(steps["fragment"], 3);
            EXPECT_EQ(rows_of_nodes, 9) << "each slave sends its groups";
        }
    }
    must_fail(client, query("explain analyze select nope from t"), "QUERY_ERROR");
    must_fail(client, query("explain analyze drop table t"), "NOT_SUPPORTED");
}

TEST_P(ViewsTest, WhatTheMasterTellsOfItself) {
    auto client = connect();
    EXPECT_THAT(answer("select sql from system.queries"), HasSubstr("select sql from system.queries"));
    EXPECT_EQ(answer("select count(*) as n from system.queries"), "{\"n\":1}") << "those before have ended";
    EXPECT_THAT(answer("select value, source from system.settings where name = 'master.data.port'"),
                HasSubstr("127.0.0.1"));
    EXPECT_GT(value(client, "select count(*) from system.settings where description <> ''").get<int>(), 10);
    must(client, sql("create view v as select 1 as one"));
    const auto sizes = must(client, sql("show sizes")).frames;
    ASSERT_EQ(sizes.size(), 2u);
    const auto t = json::parse(sizes[0]);
    EXPECT_EQ(t["table_name"], "t");
    EXPECT_EQ(t["rows"], 40);
    EXPECT_GT(t["bytes"].get<std::int64_t>(), 0);
    EXPECT_EQ(json::parse(sizes[1])["kind"], "view");
    if (GetParam() == 3) {
        cluster().slave(1).kill_hard();
        const auto away =
            json::parse(must(client, json{{"sql", "show sizes"}, {"options", {{"timeout_ms", 60000}}}}.dump())
                            .frames.at(0));
        EXPECT_EQ(away["rows"], nullptr);
        EXPECT_EQ(away["bytes"], nullptr);
    }
}

TEST_P(ViewsTest, BytesAndNumbersAreNotCompared) {
    auto client = connect();
    must(client, sql("create table b (id int primary key, raw binary) partition.number = 3"));
    must(client, sql("create table n (id int primary key, raw int) partition.number = 3"));
    must(client, sql("insert into b values (1, 'QUI=')"));
    must(client, sql("insert into n values (1, 2)"));
    for (const char* select : {"select * from b natural join n", "select * from b join n using (raw)",
                               "select id from b where raw = 1"}) {
        const auto text = must_fail(client, query(select), "QUERY_ERROR");
        EXPECT_THAT(text, HasSubstr("no conversion from INTEGER to BLOB")) << select;
        EXPECT_THAT(text, HasSubstr("cast one side")) << select;
    }
    for (const char* from : {"raw = '\\x4142'", "raw in ('\\x4142')"})
        EXPECT_THAT(must_fail(client, query(std::string("select id from b where ") + from), "NOT_SUPPORTED"),
                    HasSubstr("x'4142'"));
    EXPECT_THAT(must_fail(client, sql("delete from b where raw = '\\x4142'"), "NOT_SUPPORTED"),
                HasSubstr("x'4142'"));
    EXPECT_EQ(answer("select id from b where raw = x'4142'"), "{\"id\":1}");
    EXPECT_EQ(answer("select columns(lambda c: c like 'i%') from b"), "{\"id\":1}");
    EXPECT_THAT(must_fail(client, query("select columns(c -> c like 'i%') from b"), "QUERY_ERROR"),
                HasSubstr("columns(lambda c: c like 'a%')"));
    EXPECT_THAT(must_fail(client, query("select id::unsigned from b"), "QUERY_ERROR"), HasSubstr("ubigint"));
    EXPECT_EQ(answer("select id::ubigint as id from b"), "{\"id\":1}");
}

TEST_P(ViewsTest, RowsOfExpressionsAndErrorsOfDeletes) {
    auto client = connect();
    must(client, sql("insert into t (id, v, ts) values (100, 2 * 3, now()), (101, abs(-4), timestamp "
                     "'2024-01-01' + interval 1 day)"));
    EXPECT_EQ(answer("select v from t where id = 100"), "{\"v\":6}");
    EXPECT_EQ(answer("select ts from t where id = 101"), "{\"ts\":\"2024-01-02 00:00:00\"}");
    must_fail(client, sql("insert into t (id, v) values (102, nope(3))"), "NOT_SUPPORTED");
    for (const char* condition : {"nope = 3", "v > 'x'::int"}) {
        const auto text =
            must_fail(client, sql(std::string("delete from t where ") + condition), "QUERY_ERROR");
        EXPECT_THAT(text, Not(HasSubstr("SELECT"))) << condition;
        EXPECT_THAT(text, Not(HasSubstr("\"id\""))) << condition;
    }
    EXPECT_THAT(must_fail(client, sql("delete from t where nope = 3"), "QUERY_ERROR"),
                HasSubstr("DELETE FROM t WHERE nope = 3"));
}

INSTANTIATE_TEST_SUITE_P(Slaves, ViewsTest, ::testing::Values(1, 3),
                         [](const auto& test) { return std::to_string(test.param) + "Slaves"; });

}  // namespace
}  // namespace dl::test
