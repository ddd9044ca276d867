// create, alter, drop in all their spellings, and old data read through a changed schema.
#include <gmock/gmock.h>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

using nlohmann::json;

class DdlTest : public ClusterTest {
  protected:
    void SetUp() override { start(); }
};

TEST_F(DdlTest, Spellings) {
    auto client = connect();
    must(client, sql("CREATE TABLE Mixed_Case (ID INT PRIMARY KEY, Name STRING NOT NULL DEFAULT 'Keeps "
                     "Case') PARTITION.NUMBER=2;"));
    must(client, R"({"insert":{"table_name":"mixed_CASE","crud":"insert","data":{"Id":1}}})");
    EXPECT_EQ(value(client, "select NAME from MIXED_case"), "Keeps Case");
    must(client, sql("alter table mixed_case add column extra long default 3"));
    must(client, sql("ALTER TABLE mixed_case ADD other string"));
    must(client, sql("alter table mixed_case drop column other"));
    must(client, sql("alter table mixed_case drop extra"));
    must(client, sql("drop table if exists mixed_case"));
    must(client, sql("drop table if exists mixed_case"));
    must_fail(client, sql("drop table mixed_case"), "TABLE_NOT_FOUND");
    must(client, sql("create table 表(编号 int primary key, 名称 string)"));
    must(client, sql("insert into 表 (编号, 名称) values (1, '中'), (2, null)"));
    EXPECT_EQ(value(client, "select 名称 from 表 where 编号 = 1"), "中");
    must(client, sql("delete from 表 where 编号 = 1"));
    EXPECT_EQ(value(client, "select count(*) from 表"), 1);
}

TEST_F(DdlTest, WhatIsRefused) {
    auto client = connect();
    for (const char* text :
         {"create table t(id int)", "create table t(id int primary key, id string)",
          "create table t(id int primary key, b string primary key)",
          "create table t(id nonsense primary key)",
          "create table t(id int primary key) partition.number = 0",
          "create table t(id int primary key) partition.number = 100000", "create table t()",
          "create table 1t(id int primary key)", "create table t(id int primary key, table_name string)",
          "create table t(id int primary key, n int default 'x')", "create table t(id int primary key"}) {
        const auto reply = client.request(sql(text));
        EXPECT_FALSE(reply.ok()) << text;
    }
    must(client, sql("create table t(id int primary key, a string)"));
    must_fail(client, sql("alter table t add a int"), "COLUMN_EXISTS");
    must_fail(client, sql("alter table t drop column nope"), "COLUMN_NOT_FOUND");
    EXPECT_FALSE(client.request(sql("alter table t drop column id")).ok()) << "the key stays";
    EXPECT_EQ(value(client, "select count(*) from t"), 0);
}

TEST_F(DdlTest, OldRowsShowNewColumnsByDefaultAndNeverDroppedOnes) {
    auto client = connect();
    must(client, sql("create table t(id int primary key, a string, b string)"));
    must(client, sql("insert into t values (1, 'a1', 'b1')"));
    must(client, sql("alter table t add c long default 9"));
    must(client, sql("alter table t add d string"));
    must(client, sql("insert into t (id, a, c) values (2, 'a2', 5)"));
    must(client, sql("alter table t drop column b"));
    must(client, sql("alter table t add b int"));  // the name again: another column
    must(client, sql("insert into t (id, b) values (3, 33)"));
    const auto all = rows(client, "select * from t order by id");
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(all[0], (json{{"id", 1}, {"a", "a1"}, {"c", 9}, {"d", nullptr}, {"b", nullptr}}));
    EXPECT_EQ(all[1], (json{{"id", 2}, {"a", "a2"}, {"c", 5}, {"d", nullptr}, {"b", nullptr}}));
    EXPECT_EQ(all[2], (json{{"id", 3}, {"a", nullptr}, {"c", 9}, {"d", nullptr}, {"b", 33}}));
    const auto records = stream(client, "t");
    ASSERT_EQ(records.size(), 3u);
    EXPECT_EQ(records[0].values,
              (std::map<std::string, Text>{{"id", "1"}, {"a", "a1"}, {"c", "9"}, {"d", {}}, {"b", {}}}));
}

TEST_F(DdlTest, ChangedSchemaOverFlushedFilesAndAfterRestart) {
    cluster_.reset();
    start({.slave_properties = {{"slave.file.segment.bytes", "65536"}}});
    auto client = connect();
    must(client, sql("create table t(id int primary key, a string, b string)"));
    const auto insert = [&](int from, int to, const std::string& rest) {
        auto data = json::array();
        for (int i = from; i < to; ++i)
            data.push_back(json::parse("{\"id\":" + std::to_string(i) + rest + "}"));
        must(client, json{{"batch_insert", {{"table_name", "t"}, {"data", data}}}}.dump());
    };
    for (int i = 0; i < 20; ++i)
        insert(i * 200, i * 200 + 200, R"(,"a":"first generation","b":"going to be dropped")");
    must(client, sql("alter table t drop column b"));
    must(client, sql("alter table t add c decimal(10,2) default '1.25'"));
    for (int i = 20; i < 40; ++i)
        insert(i * 200, i * 200 + 200, R"(,"a":"second generation","c":"2.50")");
    must(client, sql("alter table t add b string default 'new b'"));
    const auto check = [&](const std::string& when) {
        auto fresh = connect();
        EXPECT_EQ(value(fresh, "select count(*) from t"), 8000) << when;
        EXPECT_EQ(value(fresh, "select count(*) from t where b = 'new b'"), 8000) << when;
        EXPECT_EQ(value(fresh, "select cast(sum(c) as varchar) from t"), "15000.00") << when;
    };
    check("while some is in files and some in the tail");
    must(client, R"({"compress_table":"t"})");
    check("after compaction");
    cluster().slave().stop();
    cluster().master().stop();
    cluster().start();
    cluster().wait_serving("t");
    check("after a restart");
}

TEST_F(DdlTest, DroppedTableLeavesNothingAndItsNameIsFree) {
    auto client = connect();
    must(client, sql("create table t(id int primary key, a string)"));
    must(client, sql("insert into t values (1, 'old')"));
    must(client, sql("drop t"));
    must_fail(client, query("select * from t"), "TABLE_NOT_FOUND");
    must(client, sql("create table t(id int primary key, a string)"));
    EXPECT_EQ(value(client, "select count(*) from t"), 0);
    EXPECT_EQ(max_offsets(client, "t"), (std::map<int, std::int64_t>{{0, -1}}));
}

}  // namespace
}  // namespace dl::test
