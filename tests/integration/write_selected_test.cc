// Rows that a statement reads and writes itself: INSERT ... SELECT, CREATE TABLE ... AS, DELETE, TRUNCATE;
// and what SHOW says of a table.
#include <gmock/gmock.h>

#include <optional>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WriteSelectedTest : public ClusterTest {
  protected:
    void SetUp() override {
        start({.slaves = 2});
        client_.emplace(connect());
        must(*client_, sql("create table t (id long primary key, device string, v double, n int, "
                           "ok boolean, d decimal(20,3), "
                           "day date, ts timestamp, raw binary) partition.number = 4"));
        must(
            *client_,
            sql("insert into t values (1, 'a', 1.5, 1, true, 3.125, '2026-01-01', "
                "'2026-01-01 10:00:00.000001', 'AQID'), (2, null, null, null, null, null, null, null, null), "
                "(3, 'it''s', -0.1, -7, false, -99999999999999999.001, '0001-01-01', "
                "'1969-12-31 23:59:59.999999', '')"));
    }
    std::vector<std::string> lines(const std::string& select) { return must(*client_, query(select)).frames; }
    std::uint64_t written(const std::string& statement) {
        const auto reply = must(*client_, json{{"sql", statement}, {"options", {{"meta", true}}}}.dump());
        return json::parse(reply.frames.at(0))["meta"].value("rows", std::uint64_t{0});
    }
    std::string error(const std::string& statement) { return client_->request(sql(statement)).text; }

    std::optional<RawClient> client_;
};

TEST_F(WriteSelectedTest, ValuesOfAllTypesArriveAsTheyWere) {
    EXPECT_EQ(written("create table u (primary key (id)) partition.number = 3 as select * from t"), 3u);
    EXPECT_EQ(lines("select * from u order by id"), lines("select * from t order by id"));
    EXPECT_EQ(written("insert into u select * replace (id + 10 as id) from t"), 3u);
    EXPECT_EQ(lines("select * exclude (id) from u where id > 10 order by id"),
              lines("select * exclude (id) from t order by id"));
    EXPECT_THAT(lines("select count(*) as c from u"), ElementsAre(R"({"c":6})"));
}

// What a table declares of a column goes along where the column is plainly the table's.
TEST_F(WriteSelectedTest, DeclaredTypesGoAlong) {
    must(*client_,
         sql("create table w (id int primary key, j json, c varchar(3), u uuid, s smallint, tm time)"));
    must(*client_,
         sql("insert into w values (1, '{}', 'abc', '00000000-0000-0000-0000-000000000001', 5, '07:05:00')"));
    must(*client_, sql("create view seen as select * from w"));
    const auto types = [&](const std::string& select) {
        must(*client_, sql("create table made primary key (id) as " + select));
        std::string all;
        for (const auto& frame : must(*client_, sql("show columns from made")).frames)
            all += (all.empty() ? "" : " ") + json::parse(frame).at("column_type").get<std::string>();
        must(*client_, sql("drop table made"));
        return all;
    };
    EXPECT_EQ(types("select * from w"), "int json varchar(3) uuid smallint time");
    EXPECT_EQ(types("select id, c as name, upper(c) as up, w.s, s + 1 as more from w where s > 0 order by id "
                    "limit 5"),
              "int varchar(3) string smallint int");
    EXPECT_EQ(types("select a.id, b.c, j.v, a.tm from w a join w b on a.id = b.id left join (select 1 as v) "
                    "j on true"),
              "int varchar(3) int time");
    EXPECT_EQ(types("with x as (select 1) select t.* from w t"), "int json varchar(3) uuid smallint time");
    EXPECT_EQ(types("select id, j, s from w group by all"), "int json smallint");
    EXPECT_EQ(types("select * exclude (j) from w"), "int varchar(3) uuid smallint time");
    EXPECT_EQ(types("select * replace (id + 1 as id, c as j, s + 1 as S) from w"),
              "int varchar(3) varchar(3) uuid int time");
    EXPECT_EQ(types("select w.* exclude (u, id) rename (c as name), id from w"),
              "json varchar(3) smallint time int");
    EXPECT_EQ(types("select a.id, b.* exclude (id, c) from w a join w b on a.id = b.id"),
              "int json uuid smallint time");
    EXPECT_EQ(types("select columns(lambda c: c in ('id', 'u')) from w"), "int string");
    // Here nobody can tell cheaply.
    EXPECT_EQ(types("select * from (select id, c from w)"), "int string");
    EXPECT_EQ(types("select id, c from w union all select id, c from w where false"), "int string");
    EXPECT_EQ(types("select id, c from seen"), "int string");
    EXPECT_EQ(types("select id, max(c) as c from w group by id"), "int string");
    EXPECT_EQ(types("with w as (select 1 as id, 'abcdef' as c) select id, c from w"), "int string");
    must(*client_, sql("create table made primary key (id) as select * from w"));
    EXPECT_THAT(error("insert into made(id, c) values (2, 'abcd')"), HasSubstr("varchar(3) takes 3"));
}

// A DELETE takes exactly the rows that a SELECT with its condition shows, whatever the key and however the
// literal is written.
TEST_F(WriteSelectedTest, DeleteMeansWhatSelectShows) {
    struct Case {
        const char* type;
        const char* values;  // of the key
        std::vector<const char*> conditions;
    };
    const Case cases[] = {
        {"timestamp",
         "'2024-07-01T12:00:00+02:00'), ('2024-07-01 12:00:00'",
         {"k = '2024-07-01T12:00:00+02:00'", "k in ('2024-07-01 12:00:00+02', '2020-01-01 00:00:00')",
          "k < '2024-07-01T12:30:00+02:00'", "k = '2024-07-01'", "k = timestamp '2024-07-01 12:00:00Z'"}},
        {"decimal(5,2)",
         "1.01), (1.5",
         {"k = 1.005", "k = 1.01", "k = '1.01'", "k in (1.500, 7)", "k = 1.5e0"}},
        {"binary", "'aGk='), ('YUdrPQ=='", {"k = 'aGk='", "k = 'hi'", "k = from_base64('aGk=')"}},
        {"int", "1), (2", {"k = '1'", "k = 1.5", "k in (1.0, 99999999999)", "k = 02", "k = null"}},
        {"string", "'1'), ('a'", {"k = 'a '", "k = '1'", "k = 'A'"}},
        {"date",
         "'2024-07-01'), ('2024-07-02'",
         {"k = '2024-7-1'", "k = '2024-07-01'", "k = date '2024-07-02'"}},
    };
    for (const auto& [type, values, conditions] : cases)
        for (const std::string condition : conditions) {
            must(*client_, sql("create or replace table x (k " + std::string(type) +
                               " primary key, v int default '1') partition.number = 3"));
            must(*client_, sql("insert into x (k) values (" + std::string(values) + ")"));
            const auto shown = lines("select k from x where " + condition);
            const auto rest = lines("select k from x where (" + condition + ") is not true order by k");
            must(*client_, sql("delete from x where " + condition));
            EXPECT_EQ(lines("select k from x order by k"), rest) << type << ": " << condition;
            EXPECT_EQ(shown.size() + rest.size(), 2u);
        }
}

TEST_F(WriteSelectedTest, ValuesOfOtherTypesAreConvertedExactlyOrRefused) {
    EXPECT_EQ(written("insert into t (id, v, d, device, n) select 4, 5, 6, 7, 8.0"), 1u);
    EXPECT_THAT(lines("select id, v, d, device, n from t where id = 4"),
                ElementsAre(R"({"id":4,"v":5,"d":6.000,"device":"7","n":8})"));
    EXPECT_EQ(written("insert into t (id, v) select 5, 0.1::float"), 1u);
    EXPECT_THAT(lines("select v = 0.1::float::double as same from t where id = 5"),
                ElementsAre(R"({"same":true})"));
    EXPECT_THAT(error("insert into t (id, n) select 6, 1.5"), HasSubstr("row 0, column \"n\""));
    EXPECT_THAT(error("insert into t (id, n) select 6, 3000000000"), HasSubstr("column \"n\""));
    EXPECT_THAT(error("insert into t (id, ok) select 6, 'maybe'"), HasSubstr("column \"ok\""));
    EXPECT_THAT(error("insert into t (id, device) select null, 'x'"), HasSubstr("key"));
    EXPECT_THAT(error("insert into t (id, device) select 6"), HasSubstr("1 columns, 2"));
    EXPECT_THAT(error("insert into t (id, id) select 6, 6"), HasSubstr("named twice"));
    EXPECT_THAT(error("insert into t (id, crud) select 6, 'delete'"), HasSubstr("DELETE FROM"));
    EXPECT_THAT(error("insert into nosuch select 1"), HasSubstr("TABLE_NOT_FOUND"));
    EXPECT_THAT(lines("select count(*) as c from t where id = 6"), ElementsAre(R"({"c":0})"));
}

TEST_F(WriteSelectedTest, AnExpressionInOneRowChangesNothingOfOthers) {
    must(*client_, sql("create table x(id int primary key, a timestamp, s string, n long, d double)"));
    must(*client_, sql("insert into x (id, a) values (1, '2024-07-01 12:00:00+02:00'), (2, now())"));
    must(*client_,
         sql("insert into x (id, s, d) values (3, 1.50, 0.1), (4, upper('a'), 1), (5, true, 1 + 1)"));
    must(*client_,
         sql("insert into x (id, n) values (6, 9007199254740993), (7, sqrt(4)), (8, 70e-1), (9, null)"));
    EXPECT_EQ(value(*client_, "select a from x where id = 1"), "2024-07-01 10:00:00");
    EXPECT_EQ(value(*client_, "select count(*) from x where id = 2 and a > now() - interval 1 hour"), 1);
    EXPECT_EQ(value(*client_, "select string_agg(s, ' ' order by id) from x"), "1.50 A true");
    EXPECT_EQ(value(*client_, "select sum(d) from x"), 3.1);
    EXPECT_EQ(value(*client_, "select string_agg(n::varchar, ' ' order by id) from x"),
              "9007199254740993 2 7");
    EXPECT_THAT(
        must_fail(*client_, sql("insert into x (id, n) values (10, 1 + 1), (11, 'abc')"), "INVALID_VALUE"),
        HasSubstr("row 1"));
}

TEST_F(WriteSelectedTest, ManyRowsOfTheTableItselfAreReadOnce) {
    EXPECT_EQ(written("insert into t (id, v) select range, range * 0.5 from range(100, 60100)"), 60'000u);
    EXPECT_EQ(written("insert into t (id, v) select id + 100000, v from t where id >= 100"), 60'000u);
    EXPECT_THAT(lines("select count(*) as c, sum(v) as s from t where id >= 100"),
                ElementsAre(R"({"c":120000,"s":1805970000})"));
    EXPECT_EQ(written("delete from t where id % 2 = 0 and v is not null"), 60'000u);
    EXPECT_THAT(lines("select count(*) as c, min(id) as lo from t where id >= 100"),
                ElementsAre(R"({"c":60000,"lo":101})"));
    EXPECT_EQ(written("truncate table t"), 60'003u);
    EXPECT_THAT(lines("select count(*) as c from t"), ElementsAre(R"({"c":0})"));
    EXPECT_EQ(written("delete from t where true"), 0u);
    EXPECT_THAT(error("delete from t"), HasSubstr("truncate t"));
}

TEST_F(WriteSelectedTest, WhatEndsHalfWaySaysHowFarItCame) {
    const auto text = error(
        "insert into t (id) select case when range = 25000 then null else range end from range(100000)");
    EXPECT_THAT(text, HasSubstr("PARTIAL"));
    EXPECT_THAT(text, HasSubstr("row 25000"));
    EXPECT_THAT(text, HasSubstr("20000 rows were written"));
    EXPECT_THAT(lines("select count(*) as c from t"), ElementsAre(R"({"c":20000})"));
}

TEST_F(WriteSelectedTest, DeletesWhatTheConditionMeansAndNothingElse) {
    EXPECT_EQ(
        written("insert into t (id, device, n) select range + 10, 'd' || range % 3, range from range(30)"),
        30u);
    EXPECT_EQ(written("delete from t where device = 'd1' and n between 10 and 20 -- of one device"), 4u);
    EXPECT_EQ(written("delete from t where device in (select 'd2') or (device = 'it''s' and ok = false)"),
              11u);
    EXPECT_EQ(written("delete from t where id = null"), 0u);
    EXPECT_EQ(written("delete from t where id = 1"), 1u);
    EXPECT_THAT(lines("select count(*) as c from t"), ElementsAre(R"({"c":17})"));
    const auto bound = must(*client_, json{{"sql", "delete from t where n > $1 and device = $2"},
                                           {"options", {{"params", {20, "d0"}}, {"meta", true}}}}
                                          .dump());
    EXPECT_EQ(json::parse(bound.frames.at(0))["meta"]["rows"], 3);
    for (const char* bad : {"delete from t where 1 = 1) or (1 = 1", "delete from t where (id > 3",
                            "delete from t where true) union all (select 1"})
        EXPECT_THAT(error(bad), HasSubstr("parentheses")) << bad;
    for (const char* bad : {"delete from t where device = e'\\'' ) or (true --'",
                            "delete from t where device = $$'$$ ) or (true --'"})
        EXPECT_THAT(error(bad), HasSubstr("write them as '...'")) << bad;
    EXPECT_THAT(error("delete from t where id = 10; drop table t"), HasSubstr("one statement at a time"));
    EXPECT_THAT(error("delete from t where nosuch = 1"), HasSubstr("nosuch"));
    EXPECT_THAT(error("delete from t where id > 1 limit 1"), HasSubstr("SYNTAX"));
    EXPECT_THAT(lines("select count(*) as c from t"), ElementsAre(R"({"c":14})"));
}

TEST_F(WriteSelectedTest, ATableThatCannotBeFilledIsNotThere) {
    EXPECT_THAT(error("create table u primary key (id) as select id, 1 / 0 as x, error('no') as y from t"),
                HasSubstr("no"));
    EXPECT_THAT(error("create table u primary key (a) as select null as a"), HasSubstr("has no type"));
    EXPECT_THAT(error("create table u primary key (id) as select case when range < 15000 then range end as "
                      "id from range(20000)"),
                HasSubstr("row 15000"));
    EXPECT_THAT(error("select * from u"), HasSubstr("TABLE_NOT_FOUND"));
    EXPECT_THAT(error("create table t primary key (a) as select 1 as a"), HasSubstr("TABLE_EXISTS"));
    EXPECT_EQ(written("create table if not exists t primary key (a) as select 1 as a"), 0u);
    EXPECT_EQ(
        written("create table u primary key (a) as select 1 as a, 2 as a, {'x': [1, 2]} as b where 1 = 0"),
        0u);
    EXPECT_EQ(written("insert into u select 1, 2, {'x': [1, 2]}"), 1u);
    EXPECT_THAT(lines("select * from u"), ElementsAre(R"({"a":1,"a_1":2,"b":"{\"x\":[1,2]}"})"));
}

TEST_F(WriteSelectedTest, ColumnsOfANewTableHaveNames) {
    EXPECT_THAT(error("create table u primary key (id) as select id, v + 1 from t"),
                AllOf(HasSubstr("column 2 of the SELECT"), HasSubstr("name it: (v + 1) as x")));
    EXPECT_THAT(error("create table u primary key (id) as select id, count(*) from t group by id"),
                HasSubstr("name it: count_star() as x"));
    EXPECT_EQ(written("create table u primary key (id) as select id, (v + 1) as x from t"), 3u);
    EXPECT_THAT(error("create table w primary key (no) as select id, v from t"),
                AllOf(HasSubstr("PRIMARY KEY(no)"), HasSubstr("it has id, v")));
    EXPECT_THAT(error("create table w primary key (id) as values (1, 'a')"), HasSubstr("it has col0, col1"));
    EXPECT_EQ(written("create table w primary key (col0) as values (1, 'a'), (2, 'b')"), 2u);
    EXPECT_THAT(lines("select * from w order by col0"),
                ElementsAre(R"({"col0":1,"col1":"a"})", R"({"col0":2,"col1":"b"})"));
    EXPECT_EQ(written("create table w2 primary key (ID) as select 1 as id"), 1u);
}

TEST_F(WriteSelectedTest, DescribeSaysWhatTheyTake) {
    const auto described = [&](const std::string& statement) {
        return must(*client_, json{{"sql", statement}, {"options", {{"describe", true}}}}.dump())
            .frames.at(0);
    };
    EXPECT_THAT(described("insert into t (id, device) select n, $1 from t where v > $2"),
                HasSubstr(R"("columns":[],"parameters":[{"type":null},{"type":"double"}])"));
    EXPECT_THAT(described("delete from t where device = $1 and n < $2"),
                HasSubstr(R"("parameters":[{"type":"string"},{"type":"int"}])"));
}

TEST_F(WriteSelectedTest, WhatInsertRefusesIsRefusedFromASelectToo) {
    for (const char* value : {"'infinity'::timestamp", "'290308-12-22 (BC) 00:00:00'::timestamp"})
        EXPECT_THAT(error("insert into t (id, ts) select 9, " + std::string(value)),
                    HasSubstr("column \"ts\""))
            << value;
    EXPECT_THAT(error("insert into t (id, day) select 9, 'infinity'::date"), HasSubstr("column \"day\""));
}

TEST_F(WriteSelectedTest, ShowSaysHowATableIsMade) {
    must(*client_, sql("create table s (\"Größe\" string primary key, n int not null default 5, note string "
                       "default 'it''s') "
                       "partition.number = 2"));
    const auto columns = must(*client_, sql("show columns from s")).frames;
    EXPECT_THAT(
        columns,
        ElementsAre(
            R"({"column_name":"größe","column_type":"string","null":"NO","key":"PRI","default":null})",
            R"({"column_name":"n","column_type":"int","null":"NO","key":null,"default":"5"})",
            R"({"column_name":"note","column_type":"string","null":"YES","key":null,"default":"it's"})"));
    const auto create = json::parse(must(*client_, sql("show create table s")).frames.at(0));
    must(*client_, sql("drop table s"));
    must(*client_, sql(create["create_statement"].get<std::string>()));
    EXPECT_EQ(must(*client_, sql("show columns from s")).frames, columns);
    EXPECT_EQ(json::parse(must(*client_, sql("show create table s")).frames.at(0)), create);
    EXPECT_THAT(error("show columns from nosuch"), HasSubstr("TABLE_NOT_FOUND"));
    EXPECT_THAT(error("show create table nosuch"), HasSubstr("TABLE_NOT_FOUND"));
}

TEST_F(WriteSelectedTest, SummarizeGivesARowForEachColumn) {
    const auto frames = must(*client_, sql("summarize t")).frames;
    ASSERT_EQ(frames.size(), 9u);
    const auto v = json::parse(frames[2]);
    EXPECT_EQ(v["column_name"], "v");
    EXPECT_EQ(v["min"], "-0.1");
    EXPECT_EQ(v["count"], 3);
    EXPECT_EQ(must(*client_, sql("summarize select id from t where id > 1")).frames.size(), 1u);
    EXPECT_EQ(lines("summarize t").size(), 9u);
    EXPECT_THAT(error("summarize nosuch"), HasSubstr("TABLE_NOT_FOUND"));
}

// Who asks is told about twice a second how many rows are written; the end says how many they were.
TEST_F(WriteSelectedTest, ProgressIsToldToThoseWhoAsk) {
    const auto told = [&](const std::string& statement, const char* options) {
        return must(*client_, "{\"sql\":\"" + statement + "\",\"options\":" + options + "}").frames;
    };
    const std::string rows = "select i, i % 7 as v from range(4000000) r(i)";
    must(*client_, sql("create table big(i long primary key, v long) partition.number = 2"));
    for (const auto& [statement, is_asked] :
         {std::pair("insert into big " + rows, true), std::pair("insert into big " + rows, false),
          std::pair("create table big2 primary key (i) as " + rows, true),
          std::pair(std::string("delete from big where v < 7"), true)}) {
        const auto frames =
            told(statement, is_asked ? R"({"meta":true,"progress":true})" : R"({"meta":true})");
        ASSERT_FALSE(frames.empty());
        EXPECT_EQ(json::parse(frames.back())["meta"]["rows"], 4'000'000) << statement;
        EXPECT_EQ(frames.size() > 1, is_asked) << statement;
        std::int64_t before = 0;
        for (std::size_t i = 0; i + 1 < frames.size(); ++i) {
            const auto now = json::parse(frames[i])["progress"];
            EXPECT_GT(now["rows_done"], before);
            EXPECT_LE(now["rows_done"], 4'000'000);
            EXPECT_EQ(now["rows_total"], 0);
            before = now["rows_done"].get<std::int64_t>();
        }
    }
}

// Two values of 38 digits are more than the engine can sum up.
TEST_F(WriteSelectedTest, SummarizeOfWideDecimals) {
    const std::string nines(38, '9');
    must(*client_,
         sql("create table w(id int primary key, wide decimal(38,0), m decimal(38,10), n decimal(10,2)) "
             "partition.number = 2"));
    must(*client_, sql("insert into w values (1, " + nines + ", 1.5, 1), (2, " + nines + ", 2.5, 2), (3, -" +
                       nines + ", null, 3), (4, " + nines + ", null, 4)"));
    for (const char* statement : {"summarize w", "summarize select * from w -- all\n",
                                  "summarize with x as (from w) select * from x"}) {
        const auto frames = must(*client_, sql(statement)).frames;
        ASSERT_EQ(frames.size(), 4u) << statement;
        const auto wide = json::parse(frames[1]);
        EXPECT_EQ(wide["column_name"], "wide");
        EXPECT_EQ(wide["column_type"], "DECIMAL(38,0)");
        EXPECT_EQ(wide["min"], "-" + nines);
        EXPECT_EQ(wide["max"], nines);
        EXPECT_EQ(wide["approx_unique"], 2);
        EXPECT_EQ(wide["avg"], "5e+37");
        EXPECT_EQ(wide["count"], 4);
        const auto scaled = json::parse(frames[2]);
        EXPECT_EQ(scaled["min"], "1.5000000000");
        EXPECT_EQ(scaled["avg"], "2.0");
        EXPECT_EQ(scaled["null_percentage"], 50.0);
        EXPECT_EQ(json::parse(frames[0])["column_name"], "id");
        EXPECT_EQ(json::parse(frames[3])["max"], "4.00");
    }
    EXPECT_EQ(must(*client_, sql("summarize select sum(id) as s from w")).frames.size(), 1u);
    EXPECT_EQ(
        json::parse(must(*client_, sql("summarize select sum(id) as s from w")).frames[0])["column_type"],
        "HUGEINT");
}

// Whole or absent: what a master that died was filling is gone when it is back.
TEST_F(WriteSelectedTest, ATableThatWasBeingFilledGoesWithTheMaster) {
    must(*client_, sql("create table done primary key (id) as select id from t"));
    auto writer = connect();
    writer.send_frame(
        sql("create table half primary key (i) partition.number = 4 as select i, md5(i::varchar) as s from "
            "range(100000000) r(i)"));
    ASSERT_TRUE(wait_until(std::chrono::seconds(60), [&] {
        const auto reply = client_->request(query("select count(*) as n from half"));
        return reply.ok() && json::parse(reply.frames.at(0))["n"] > 0;
    }));
    cluster().master().kill_hard();
    cluster().master().start();
    cluster().wait_serving("t");
    auto fresh = connect();
    must_fail(fresh, query("select * from half"), "TABLE_NOT_FOUND");
    EXPECT_THAT(cluster().master().log_text(), HasSubstr("the statement that filled it had not ended"));
    EXPECT_TRUE(
        wait_until(std::chrono::seconds(30), [&] { return rows(fresh, "select 1 as x").size() == 1; }));
    EXPECT_EQ(must(fresh, sql("show orphans")).frames.size(), 0u);
    must(fresh, sql("create table half primary key (i) as select i from range(10) r(i)"));
    EXPECT_EQ(value(fresh, "select count(*) from half"), 10);
    EXPECT_EQ(value(fresh, "select count(*) from done"), 3) << "what was done stays";
    cluster().master().kill_hard();
    cluster().master().start();
    cluster().wait_serving("half");
    auto last = connect();
    EXPECT_EQ(value(last, "select count(*) from half"), 10);
}

}  // namespace
}  // namespace dl::test
