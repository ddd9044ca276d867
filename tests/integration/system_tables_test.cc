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

TEST_F(SystemTablesTest, WhatIsNotThereIsNamed) {
    EXPECT_THAT(error("select * from system.nosuch"), HasSubstr("there are system.tables"));
    EXPECT_THAT(error("select * from information_schema.routines"),
                HasSubstr("information_schema.tables, .columns"));
    EXPECT_THAT(error("select nosuch from system.tables"), HasSubstr("nosuch"));
    EXPECT_THAT(error("select * from other.tables"), HasSubstr("NOT_SUPPORTED"));
    EXPECT_THAT(client_->request(sql("insert into system.tables values (1)")).text,
                HasSubstr("SYNTAX_ERROR"));
}

}  // namespace
}  // namespace dl::test
