// What the database says of itself in SELECTs: information_schema and system.
#include <gmock/gmock.h>

#include <optional>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SystemTablesTest : public ClusterTest {
  protected:
    void SetUp() override {
        start({.slaves = 2});
        client_.emplace(connect());
        must(*client_,
             sql("create table t (id long primary key, v decimal(10,2) default '1.5', ok boolean not null "
                 "default true) partition.number = 4"));
        must(*client_, sql("create table u (\"größe\" string primary key) partition.number = 1"));
        must(*client_, sql("insert into t values (1, 2, true), (2, 3, false)"));
    }
    std::vector<std::string> lines(const std::string& select) { return must(*client_, query(select)).frames; }
    std::string error(const std::string& select) { return client_->request(query(select)).text; }

    std::optional<RawClient> client_;
};

TEST_F(SystemTablesTest, InformationSchemaListsTablesAndColumns) {
    EXPECT_THAT(
        lines("select table_schema, table_name, table_type from information_schema.tables order by 2"),
        ElementsAre(R"({"table_schema":"main","table_name":"t","table_type":"BASE TABLE"})",
                    R"({"table_schema":"main","table_name":"u","table_type":"BASE TABLE"})"));
    EXPECT_THAT(lines("SELECT column_name as c, data_type as t, is_nullable as n, column_default as d, "
                      "numeric_scale as s FROM INFORMATION_SCHEMA.COLUMNS WHERE table_name = 't' "
                      "ORDER BY ordinal_position"),
                ElementsAre(R"({"c":"id","t":"long","n":"NO","d":null,"s":null})",
                            "{\"c\":\"v\",\"t\":\"decimal(10,2)\",\"n\":\"YES\",\"d\":\"1.50\",\"s\":2}",
                            R"({"c":"ok","t":"boolean","n":"NO","d":"true","s":null})"));
    EXPECT_EQ(lines("select * from information_schema.schemata").size(), 3u);
}

TEST_F(SystemTablesTest, SystemTablesShowWhereDataLies) {
    EXPECT_THAT(lines("select name, major_key, columns, partitions from system.tables order by name"),
                ElementsAre(R"({"name":"t","major_key":"id","columns":3,"partitions":4})",
                            R"({"name":"u","major_key":"größe","columns":1,"partitions":1})"));
    EXPECT_THAT(lines("select count(*) as n, count(distinct leader) as nodes, min(leader_epoch) as e from "
                      "system.partitions "
                      "where \"table\" = 't'"),
                ElementsAre(R"({"n":4,"nodes":2,"e":1})"));
    EXPECT_THAT(lines("select sum(partitions_led)::int as led, bool_and(reachable) as up from system.nodes"),
                ElementsAre(R"({"led":5,"up":true})"));
    cluster().slave(1).kill_hard();
    const auto address = [&] {
        const auto down = lines("select address from system.nodes where not reachable");
        return down.size() == 1 ? json::parse(down[0])["address"].get<std::string>() : std::string();
    };
    EXPECT_TRUE(wait_until(std::chrono::seconds(10), [&] { return !address().empty(); }));
    // They ask no slave.
    EXPECT_EQ(lines("select * from system.columns").size(), 4u);
}

TEST_F(SystemTablesTest, TheyAreTablesLikeOthersInAQuery) {
    EXPECT_THAT(lines("with c as (select * from system.columns where \"table\" = 't') select c.name, "
                      "count(t.id) as n from c "
                      "left join t on c.position = t.id group by all order by min(c.position)"),
                ElementsAre(R"({"name":"id","n":1})", R"({"name":"v","n":1})", R"({"name":"ok","n":0})"));
    EXPECT_THAT(lines("select tables.name from system.tables where tables.partitions = 1"),
                ElementsAre(R"({"name":"u"})"));
    EXPECT_THAT(lines("select (select count(*) from system.tables x) as n, 'system.tables' as s"),
                ElementsAre(R"({"n":2,"s":"system.tables"})"));
    EXPECT_THAT(must(*client_, json{{"query", "select name from system.tables where name = $1"},
                                    {"options", {{"params", {"u"}}}}}
                                   .dump())
                    .frames,
                ElementsAre(R"({"name":"u"})"));
    must(*client_, sql("create table kept (primary key (name)) as select name, partitions from system.tables "
                       "where name <> 'kept'"));
    EXPECT_THAT(lines("select * from kept order by name"),
                ElementsAre(R"({"name":"t","partitions":4})", R"({"name":"u","partitions":1})"));
}

TEST_F(SystemTablesTest, ColumnsAreNotCalledByTheRows) {
    EXPECT_THAT(lines("select (select count(*) from system.tables), exists(select 1 from system.nodes)"),
                ElementsAre(R"({"subquery":2,"subquery_1":true})"));
}

// The statement that it shows makes the same table again, whatever the table was made with.
TEST_F(SystemTablesTest, AShownStatementMakesTheTableAgain) {
    const std::vector<std::string> made = {
        "create table t1 (id long primary key) partition.number = 1",
        "create table t1 (\"primary\" varchar(7) not null, `not` tinyint default -3, \"größe\" text not null "
        "default "
        "'it''s, \"so\"', d decimal(20,4) not null default 1.5, ts timestamp default '2024-01-31 "
        "12:00:00.5', u "
        "uuid default '123e4567-e89b-12d3-a456-426614174000', j json default '{\"a\":[1]}', b binary(9) "
        "default "
        "'AAEC', f double default 'nan', bo boolean default true, dt date default '2024-02-29', t time(3), "
        "primary "
        "key (\"primary\")) partition.number = 3, replicas.number = 1, replicas.in_sync.min = 2, "
        "history.hours = "
        "5, history.bytes = 12345",
        "create table t1 (id int primary key) replicas.number = 1, history.hours = 0",
        "create table t1 (id int primary key, n int default 7) history.bytes = 1",
    };
    const auto shown = [&] {
        return json::parse(must(*client_, sql("show create table t1")).frames.at(0))["create_statement"]
            .get<std::string>();
    };
    const auto rest = [&] {
        return lines(
            "select c.*, k.copies, k.partitions, p.min_in_sync from system.columns c, system.tables k, "
            "system.partitions p where c.\"table\" = 't1' and k.name = 't1' and p.\"table\" = 't1' order "
            "by c.position, p.partition");
    };
    for (const auto& statement : made) {
        SCOPED_TRACE(statement);
        must(*client_, sql(statement));
        const auto text = shown();
        const auto before = rest();
        EXPECT_EQ(text.find("in_sync.min") != std::string::npos,
                  statement.find("in_sync.min") != std::string::npos);
        EXPECT_EQ(text.find("history.bytes") != std::string::npos,
                  statement.find("history.bytes") != std::string::npos);
        must(*client_, sql("drop table t1"));
        must(*client_, sql(text));
        EXPECT_EQ(shown(), text);
        EXPECT_EQ(rest(), before);
        must(*client_, sql("drop table t1"));
    }
    // What became of it by ALTER is in it too.
    must(*client_, sql("create table t1 (id int primary key, n int default 7, c varchar(3))"));
    for (const char* change : {"alter n set default 8", "alter c type varchar(9)", "alter n type long",
                               "rename c to d", "set history.hours = 9", "set copies = 2"})
        must(*client_, sql(std::string("alter table t1 ") + change));
    EXPECT_THAT(shown(), HasSubstr("n long default '8',\n  d varchar(9)\n) partition.number = 1, "
                                   "replicas.number = 1, history.hours = 9"));
}

TEST_F(SystemTablesTest, PartitionsSayWhereTheirCopiesAre) {
    must(*client_, sql("create table two (id int primary key) partition.number = 1, replicas.number = 1"));
    const auto row = json::parse(lines("select * from system.partitions where \"table\" = 'two'").at(0));
    EXPECT_EQ(row["copies"], 2);
    const auto at = row["copies_at"].get<std::string>();
    EXPECT_NE(at.find(", "), std::string::npos) << at;
    EXPECT_NE(at.find(row["leader"].get<std::string>()), std::string::npos) << at;
    EXPECT_EQ(row["min_in_sync"], 1);
}

TEST_F(SystemTablesTest, WhatIsNotThereIsNamed) {
    EXPECT_THAT(error("select * from system.nosuch"), HasSubstr("there are system.tables"));
    EXPECT_THAT(error("select * from information_schema.routines"),
                HasSubstr("information_schema.tables, .columns"));
    EXPECT_THAT(error("select nosuch from system.tables"), HasSubstr("nosuch"));
    EXPECT_THAT(error("select * from other.tables"), HasSubstr("NOT_SUPPORTED"));
    EXPECT_THAT(client_->request(sql("insert into system.tables values (1)")).text,
                HasSubstr("NOT_SUPPORTED"));
}

}  // namespace
}  // namespace dl::test
