// What people type in their first week: the type names of other systems, and tables that change.
#include <gmock/gmock.h>

#include "tests/support/cluster_fixture.h"
#include "tests/support/tail_and_files.h"

namespace dl::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

class FirstWeekTest : public ClusterTest, public ::testing::WithParamInterface<int> {
  protected:
    void SetUp() override { start({.slaves = GetParam()}); }
    void restart() {
        for (int i = 0; i < GetParam(); ++i)
            cluster().slave(i).stop();
        cluster().master().stop();
        cluster().start();
    }
};

TEST_P(FirstWeekTest, TypesOfOtherSystemsHoldTheirValues) {
    auto client = connect();
    must(client,
         sql("create table t(id bigint primary key, name varchar(5), code char(2), price numeric(10,2), "
             "d double precision, r real, s smallint, y tinyint, ok bool, at timestamp with time zone, "
             "dt datetime, doc json, u uuid, raw bytea, due time) partition.number = 4"));
    must(client, sql("insert into t values (1, 'abcde', 'de', 1.25, 2.5, 0.5, -32768, 127, true, "
                     "'2024-01-31T12:00:00+02:00', '2024-01-31 12:00:00', '{\"a\": [1]}', "
                     "'123E4567-e89b-12d3-a456-426614174000', 'AQI=', '23:59:59')"));
    tail_and_files(connect(), "t", [&](const char* where) {
        const auto all = rows(client, "select * from t");
        ASSERT_EQ(all.size(), 1u) << where;
        EXPECT_EQ(all[0]["name"], "abcde") << where;
        EXPECT_EQ(all[0]["price"].dump(), "1.25") << where;
        EXPECT_EQ(all[0]["s"], -32768) << where;
        EXPECT_EQ(all[0]["at"], "2024-01-31 10:00:00") << where;
        EXPECT_EQ(all[0]["doc"], "{\"a\": [1]}") << where;
        EXPECT_EQ(all[0]["u"], "123E4567-e89b-12d3-a456-426614174000") << where;
        EXPECT_EQ(all[0]["due"], "23:59:59") << where;
        EXPECT_EQ(value(client, "select doc->>'$.a[0]' from t"), "1") << where;
    });
    const auto created = value(client, "select create_statement from system.tables").get<std::string>();
    for (const char* shown : {"name varchar(5)", "code char(2)", "s smallint", "y tinyint", "doc json",
                              "u uuid", "due time", "d double", "at timestamp"})
        EXPECT_THAT(created, HasSubstr(shown));
    restart();
    auto fresh = connect();
    EXPECT_EQ(value(fresh, "select create_statement from system.tables"), created);
    must(fresh, sql("drop table t"));
    must(fresh, sql(created));
    EXPECT_EQ(value(fresh, "select create_statement from system.tables"), created);
    EXPECT_EQ(value(fresh,
                    "select character_maximum_length from information_schema.columns where "
                    "column_name = 'name'"),
              5);
}

TEST_P(FirstWeekTest, ValuesThatADeclaredTypeDoesNotHaveAreRefusedOnEveryWay) {
    auto client = connect();
    must(client, sql("create table t(id int primary key, name varchar(5), s smallint)"));
    const auto refused = [&](const std::string& statement) {
        const auto text = must_fail(client, statement, "INVALID_VALUE");
        EXPECT_EQ(value(client, "select count(*) from t where length(name) > 5 or s > 32767"), 0)
            << statement;
        return text;
    };
    const auto text = refused(sql("insert into t values (1, 'abc', 1), (2, 'abcdef', 2)"));
    for (const char* named : {"row 1", "\"name\"", "\"abcdef\"", "6 characters", "varchar(5)"})
        EXPECT_THAT(text, HasSubstr(named));
    refused(R"({"insert":{"table_name":"t","crud":"insert","data":{"id":1,"name":"abcdef"}}})");
    refused(R"({"batch_insert":{"table_name":"t","data":[{"id":1,"s":"32768"}]}})");
    refused(R"({"batch_insert":{"table_name":"t","data":[{"id":1,"s":-32769}]}})");
    refused(json{{"sql", "insert into t values ($1, $2, $3)"}, {"options", {{"params", {1, "abcdef", 1}}}}}
                .dump());
    refused(sql("insert into t select 7, 'abcdef', 1"));
    for (const auto* beyond : {"3000000000", "40000", "-99999999999999999999", "'x'", "1.5"}) {
        const auto said = refused(sql("insert into t values (1, 'a', " + std::string(beyond) + ")"));
        for (const char* named : {"column \"s\"", "smallint", "-32768 to 32767"})
            EXPECT_THAT(said, HasSubstr(named)) << beyond;
        EXPECT_THAT(said, Not(HasSubstr("2147483647"))) << beyond;
    }
    refused(sql("alter table t add c varchar(2) default 'abc'"));
    // Good rows of a batch that may leave out the bad ones.
    must(client, json{{"batch_insert",
                       {{"table_name", "t"},
                        {"data", {{{"id", 1}, {"name", "abcdef"}}, {{"id", 2}, {"name", "中文字母五"}}}}}},
                      {"options", {{"on_error", "skip"}}}}
                     .dump());
    EXPECT_EQ(value(client, "select count(*) from t"), 1);
    EXPECT_EQ(value(client, "select name from t where id = 2"), "中文字母五");
    // A delete names a key, whatever else it says.
    must(client, sql("delete from t where id = 2"));
    EXPECT_THAT(must_fail(client, sql("create table u(id int primary key, x interval)"), "INVALID_VALUE"),
                HasSubstr("nearest is string"));
}

TEST_P(FirstWeekTest, ARenamedColumnKeepsItsValues) {
    auto client = connect();
    must(client, sql("create table t(id int primary key, a string, b int default 7) partition.number = 4"));
    must(client, sql("insert into t values (1, 'one', 1), (2, 'two', default)"));
    must(client, sql("compress t"));
    must(client, sql("insert into t values (3, 'three', 3)"));
    must(client, sql("alter table t rename column a to label"));
    must(client, sql("alter table t rename id to number"));
    must(client, sql("insert into t (number, label) values (4, 'four')"));
    const auto check = [&](const std::string& when) {
        auto fresh = connect();
        EXPECT_EQ(rows(fresh, "select number, label, b from t order by number"),
                  (std::vector<json>{{{"number", 1}, {"label", "one"}, {"b", 1}},
                                     {{"number", 2}, {"label", "two"}, {"b", 7}},
                                     {{"number", 3}, {"label", "three"}, {"b", 3}},
                                     {{"number", 4}, {"label", "four"}, {"b", 7}}}))
            << when;
        EXPECT_EQ(value(fresh, "select label from t where number = 3"), "three") << when;
        must_fail(fresh, query("select a from t"), "QUERY_ERROR");
        EXPECT_EQ(stream(fresh, "t").size(), 4u) << when;
        EXPECT_EQ(stream(fresh, "t")[0].values.count("label"), 1u) << when;
    };
    check("at once");
    restart();
    cluster().wait_serving("t");
    check("after a restart");
    auto fresh = connect();
    must(fresh, sql("compress t"));
    check("after a compaction");
    must(fresh, sql("alter table t add a string default 'another'"));
    EXPECT_EQ(value(fresh, "select a from t where number = 1"), "another");
}

TEST_P(FirstWeekTest, DefaultsTypesAndHistoryChange) {
    auto client = connect();
    must(client, sql("create table t(id int primary key, a varchar(3) default 'x') partition.number = 3"));
    must(client, sql("insert into t (id) values (1)"));
    must(client, sql("alter table t add b int default 7"));
    must(client, sql("alter table t alter a set default 'y'"));
    must(client, sql("alter table t alter column b drop default"));
    must(client, sql("insert into t (id) values (2)"));
    tail_and_files(connect(), "t", [&](const char* where) {
        EXPECT_EQ(
            rows(client, "select * from t order by id"),
            (std::vector<json>{{{"id", 1}, {"a", "x"}, {"b", 7}}, {{"id", 2}, {"a", "y"}, {"b", nullptr}}}))
            << where;
    });
    must_fail(client, sql("insert into t values (3, 'long', 1)"), "INVALID_VALUE");
    must(client, sql("alter table t alter a type varchar(10)"));
    must(client, sql("insert into t values (3, 'long', 1)"));
    EXPECT_THAT(must_fail(client, sql("alter table t modify a varchar(2)"), "NOT_SUPPORTED"),
                HasSubstr("none of it"));
    EXPECT_THAT(must_fail(client, sql("alter table t alter b type string"), "NOT_SUPPORTED"),
                HasSubstr("create table t_new"));
    must(client, sql("alter table t set history.hours = 5, history.bytes = 1000000"));
    restart();
    cluster().wait_serving("t");
    auto fresh = connect();
    const auto created = value(fresh, "select create_statement from system.tables").get<std::string>();
    EXPECT_THAT(created, HasSubstr("history.hours = 5, history.bytes = 1000000"));
    EXPECT_THAT(created, HasSubstr("a varchar(10) default 'y'"));
    must(fresh, sql("insert into t (id) values (4)"));
    EXPECT_EQ(value(fresh, "select a from t where id = 4"), "y");
}

TEST_P(FirstWeekTest, OrReplaceMakesTheTableAnew) {
    auto client = connect();
    must(client, sql("create or replace table t(id int primary key, a string) partition.number = 2"));
    must(client, sql("insert into t values (1, 'old')"));
    must(client, sql("create or replace table t(id int primary key, b int) partition.number = 3"));
    EXPECT_EQ(value(client, "select count(*) from t"), 0);
    must(client, sql("insert into t values (1, 5)"));
    EXPECT_EQ(rows(client, "select * from t"), (std::vector<json>{{{"id", 1}, {"b", 5}}}));
    // One that cannot be made leaves the table that is there.
    must_fail(client, sql("create or replace table t(id int primary key, c nonsense)"), "INVALID_VALUE");
    EXPECT_EQ(value(client, "select b from t"), 5);
    EXPECT_THAT(must_fail(client, sql("create or replace table t primary key(id) as select id from t"),
                          "NOT_SUPPORTED"),
                HasSubstr("drop table if exists"));
    restart();
    cluster().wait_serving("t");
    auto fresh = connect();
    EXPECT_EQ(value(fresh, "select b from t"), 5);
    EXPECT_EQ(rows(fresh, "select name from system.tables").size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Slaves, FirstWeekTest, ::testing::Values(1, 3),
                         [](const auto& test) { return std::to_string(test.param) + "Slaves"; });

}  // namespace
}  // namespace dl::test
