// Every statement through a socket, two scripted slaves behind the master.
#include <gtest/gtest.h>

#include "tests/unit/master/server/master_fixture.h"

namespace dl::master::testing {
namespace {

class StatementsTest : public MasterFixture {};

TEST_F(StatementsTest, CreateSpreadsPartitionsAndDescIsFlat) {
    RawClient client(port());
    EXPECT_EQ(
        client.sql("create table table_name(id INT PRIMARY KEY, username string NOT NULL, age long, xingbie "
                   "string default '男') partition.number = 4, replicas.number=1"),
        "ok");
    EXPECT_EQ(slaves_[0]->tables(), std::set<std::uint64_t>{1});
    EXPECT_EQ(slaves_[1]->tables(), std::set<std::uint64_t>{1});
    client.send_frame("{\"sql\":\"desc table_name\"}");
    EXPECT_EQ(client.read_code(), -3);
    const auto desc = json::parse(client.read_text());
    for (const auto& [key, value] : desc.items())
        EXPECT_TRUE(value.is_string()) << key;
    EXPECT_EQ(desc.size(), 8u);
    EXPECT_EQ(desc["partition_number"], "4");
    EXPECT_EQ(json::parse(desc["id"].get<std::string>())["column_config"], "PRIMARY_KEY");
    EXPECT_EQ(json::parse(desc["username"].get<std::string>())["column_config"], "NOT_NULL");
    EXPECT_EQ(json::parse(desc["age"].get<std::string>())["datatype"], "long");
    EXPECT_EQ(json::parse(desc["xingbie"].get<std::string>())["default_value"], "男");
    const auto places = json::parse(desc["partition_address"].get<std::string>());
    EXPECT_EQ(places["0"][0]["address"], slaves_[0]->address());
    EXPECT_EQ(places["1"][0]["address"], slaves_[1]->address());
    EXPECT_EQ(places["0"][0]["info"], "Leader");

    client.send_frame("{\"sql\":\"show_table\"}");
    EXPECT_EQ(client.read_text(), "[\"table_name\"]");  // and no -1
    client.send_frame("{\"metadata\":\"TABLE_NAME\"}");
    const auto meta = json::parse(client.read_text());
    EXPECT_EQ(meta["major_key"], "id");
    EXPECT_EQ(meta["partition_number"], 4);
    EXPECT_EQ(meta["col_type"]["age"], "long");
    EXPECT_EQ(client.read_code(), -1);
    EXPECT_TRUE(client.sql("create table TABLE_NAME(id int primary key)").starts_with("TABLE_EXISTS"));
    EXPECT_EQ(client.sql("create table if not exists table_name(id int primary key)"), "ok");
}

TEST_F(StatementsTest, JsonCreateInsertBatchAndOffsets) {
    RawClient client(port());
    EXPECT_EQ(
        client.ask(
            R"({"create":{"table_name":"T","col_type":{"Id":"int","name":"string"},"partition_number":4,)"
            R"("major_key":"ID","not_null":["NAME"],"default":{"name":"x"}}})"),
        "ok");
    EXPECT_EQ(client.ask(R"({"insert":{"table_name":"t","crud":"insert","data":{"id":"1","name":"a"}}})"),
              "ok");
    std::string rows;
    for (int i = 0; i < 1000; ++i)
        rows +=
            std::string(i == 0 ? "" : ",") + "{\"id\":" + std::to_string(i) + ",\"_crud_type\":\"insert\"}";
    EXPECT_EQ(client.ask("{\"batch_insert\":{\"table_name\":\"t\",\"data\":[" + rows + "]}}"), "ok");
    EXPECT_EQ(rows_stored(), 1001);
    EXPECT_EQ(slaves_[0]->calls(rpc::Method::append) + slaves_[1]->calls(rpc::Method::append), 3);
    const auto offsets = json::parse(client.sql("max_offset t"));
    EXPECT_EQ(offsets.size(), 4u);
    std::int64_t total = 0;
    for (const auto& value : offsets)
        total += value.get<std::int64_t>() + 1;
    EXPECT_EQ(total, 1001);
    const auto meta = client.ask(
        R"({"insert":{"table_name":"t","crud":"delete","data":{"id":1}},"options":{"meta":true,"batch_id":"b1"}})");
    EXPECT_NE(meta.find("\"offsets\":{\""), std::string::npos) << meta;
    EXPECT_NE(meta.find("\"duplicate\":false"), std::string::npos) << meta;
    EXPECT_TRUE(meta.ends_with("|ok"));
}

TEST_F(StatementsTest, OneBadRowRefusesTheBatch) {
    RawClient client(port());
    create_t(client);
    const auto reply =
        client.ask(R"({"batch_insert":{"table_name":"t","data":[{"id":1},{"id":"x"},{"id":3}]}})");
    EXPECT_TRUE(reply.starts_with("INVALID_VALUE")) << reply;
    EXPECT_NE(reply.find("row 1"), std::string::npos) << reply;
    EXPECT_EQ(rows_stored(), 0);
    EXPECT_EQ(client.ask(R"({"batch_insert":{"table_name":"t","data":[]}})"), "ok");
}

TEST_F(StatementsTest, InsertAndDeleteBySql) {
    RawClient client(port());
    create_t(client);
    EXPECT_EQ(client.sql("insert into t values (1, 'it''s', 2), (2, null, default)"), "ok");
    EXPECT_EQ(client.sql("insert into t (NAME, id) values ('x', 3)"), "ok");
    EXPECT_EQ(client.sql("delete from t where ID in (1, 2)"), "ok");
    EXPECT_EQ(rows_stored(), 5);
    EXPECT_TRUE(client.sql("delete from t where (name = 'x'").starts_with("SYNTAX_ERROR"));
    EXPECT_TRUE(client.sql("insert into t values (1)").starts_with("INVALID_REQUEST"));
    EXPECT_TRUE(client.sql("insert into t (nope, id) values (1, 2)").starts_with("COLUMN_NOT_FOUND"));
    EXPECT_TRUE(client.sql("insert into t (id) values ('x')").starts_with("INVALID_VALUE"));
}

TEST_F(StatementsTest, QueryMetaAndDropAndCompress) {
    RawClient client(port());
    create_t(client);
    const auto reply = client.ask(R"({"query":"select n from t","options":{"meta":true}})");
    EXPECT_TRUE(reply.starts_with(
        "{\"n\":0}|{\"n\":1}|{\"n\":2}|{\"meta\":{\"offsets\":{\"t\":{\"0\":7}},\"behind\":{},\"rows\":3,"))
        << reply;
    EXPECT_EQ(client.ask(R"({"compress_table":"t"})"), "ok");
    EXPECT_EQ(client.sql("compress t"), "ok");
    EXPECT_EQ(slaves_[0]->calls(rpc::Method::compress), 2);
    EXPECT_EQ(client.sql("drop table t"), "ok");
    EXPECT_TRUE(slaves_[0]->tables().empty());
    EXPECT_TRUE(client.sql("drop table t").starts_with("TABLE_NOT_FOUND"));
    EXPECT_EQ(client.sql("drop table if exists t"), "ok");
}

TEST_F(StatementsTest, BadRowsAreLeftOutOnRequest) {
    RawClient client(port());
    EXPECT_EQ(
        client.sql("create table m(id int primary key, v double, s string not null) partition.number = 2"),
        "ok");
    const auto batch = [&](const std::string& rows, const std::string& options) {
        return client.ask(R"({"batch_insert":{"table_name":"m","data":[)" + rows + R"(]},"options":{)" +
                          options + "}}");
    };
    const std::string rows =
        R"({"id":1,"v":1.5,"s":"a"},{"id":"x","v":2,"s":"b"},{"id":3,"v":NaN,"s":"c"},7,)"
        R"({"id":5,"v":-Infinity},{"s":"d","id":6,"v":"Infinity"},{"id":7,"v":1,"s":"e","w":0})";
    EXPECT_TRUE(batch(rows, "").starts_with("INVALID_VALUE: row 1, column \"id\"")) << batch(rows, "");
    EXPECT_EQ(rows_stored(), 0);
    const auto reply = batch(rows, R"("on_error":"skip")");
    EXPECT_NE(
        reply.find(
            R"("rows":3,"refused_rows":4,"refused":[{"row":1,"error":"INVALID_VALUE: row 1, column \")"),
        std::string::npos)
        << reply;
    for (const auto* refused :
         {R"({"row":3,"error":"INVALID_REQUEST: row 3: a row must be)",
          R"({"row":4,"error":"INVALID_VALUE: row 4, column \"s\": NULL)",
          R"({"row":6,"error":"COLUMN_NOT_FOUND: row 6: table \"m\" has no column \"w\")"})
        EXPECT_NE(reply.find(refused), std::string::npos) << refused << "\n" << reply;
    EXPECT_TRUE(reply.ends_with("|ok"));
    EXPECT_EQ(rows_stored(), 3);
    // A key in front of the row would have been the only one of it: nothing of a refused row stays.
    EXPECT_NE(batch(R"({"id":8,"v":1,"s":7,"s":8},{"id":9,"v":1,"s":"nine"})", R"("on_error":"skip")")
                  .find("\"rows\":1,"),
              std::string::npos);
    EXPECT_NE(batch("7", R"("on_error":"skip")").find(R"("rows":0,"refused_rows":1)"), std::string::npos);
    EXPECT_EQ(batch(R"({"id":7,"v":1,"s":"e","w":{"deep":[1]},"_x":0})", R"("unknown_fields":"skip")"), "ok");
    EXPECT_EQ(rows_stored(), 5);
    EXPECT_TRUE(batch("", R"("on_error":"ignore")").starts_with("INVALID_REQUEST"));
    EXPECT_TRUE(
        client.ask(R"({"query":"select 1","options":{"on_error":"skip"}})").starts_with("INVALID_REQUEST"));
    EXPECT_TRUE(
        client.ask(R"({"query":"select n","options":{"params":[NaN]}})").starts_with("INVALID_REQUEST"));
    EXPECT_TRUE(batch(R"({"id":NaN,"v":1,"s":"e"})", "").starts_with("INVALID_VALUE"));
}

TEST_F(StatementsTest, DescribeRunsNothing) {
    RawClient client(port());
    create_t(client);
    const auto describe = [&](const std::string& statement) {
        return client.ask("{" + statement + ",\"options\":{\"describe\":true}}");
    };
    EXPECT_EQ(describe(R"x("query":"select hang")x"),
              R"({"columns":[{"name":"n","type":"long"},{"name":"n_1","type":"long"}],)"
              R"("parameters":[{"type":"long"},{"type":null}]}|ok)");
    EXPECT_EQ(describe(R"x("sql":"insert into t values ($1, $2, 3)")x"),
              R"({"columns":[],"parameters":[{"type":"int"},{"type":"string"}]}|ok)");
    EXPECT_EQ(describe(R"x("sql":"delete from t where id = $1")x"),
              R"({"columns":[],"parameters":[{"type":"int"}]}|ok)");
    EXPECT_EQ(describe(R"x("sql":"drop t")x"), R"({"columns":[],"parameters":[]}|ok)");
    EXPECT_EQ(describe(R"x("sql":"insert into t values (1, 'a', 2)")x"),
              R"({"columns":[],"parameters":[]}|ok)");
    EXPECT_EQ(rows_stored(), 0);
    EXPECT_TRUE(describe(R"x("metadata":"t")x").starts_with("INVALID_REQUEST"));
    EXPECT_TRUE(describe(R"x("sql":"insert into nope values ($1)")x").starts_with("TABLE_NOT_FOUND"));
}

TEST_F(StatementsTest, ParametersHaveTheirValuesInTheOptions) {
    RawClient client(port());
    create_t(client);
    const auto ask = [&](const std::string& sql, const std::string& params) {
        return client.ask("{\"sql\":\"" + sql + "\",\"options\":{\"params\":" + params + "}}");
    };
    EXPECT_EQ(ask("insert into t values ($1, $2, $3), (8, $2, default)", R"([7,"it's",null])"), "ok");
    EXPECT_EQ(ask("delete from t where id in ($1, $2)", R"(["7",8.0])"), "ok");
    EXPECT_EQ(rows_stored(), 4);
    // The plainest lookups go straight to their slave, with parameters too.
    EXPECT_EQ(ask("select id from t where id = $1", "[12]"), "{\"the id\":12}|ok");
    EXPECT_EQ(ask("select id from t where id = $1", "[\"12\"]"), "{\"the id\":12}|ok");
    EXPECT_TRUE(
        ask("insert into t (id) values ($1)", "[]").starts_with("INVALID_REQUEST: the statement has 1"));
    EXPECT_TRUE(ask("insert into t (id) values ($1)", "[[]]").starts_with("INVALID_REQUEST"));
    EXPECT_TRUE(ask("insert into t (id) values ($1)", "7").starts_with("INVALID_REQUEST"));
    EXPECT_TRUE(ask("insert into t (id) values ($1)", "[true]").starts_with("INVALID_VALUE: parameter $1"));
    EXPECT_TRUE(ask("drop t", "[1]").starts_with("INVALID_REQUEST: options.params"));
    EXPECT_TRUE(client.ask(R"({"metadata":"t","options":{"params":[1]}})").starts_with("INVALID_REQUEST"));
    EXPECT_EQ(rows_stored(), 4);
}

// Large batches take one turn on the work pool, within the budget of the batches in work.
TEST_F(StatementsTest, ABatchWaitsForRoom) {
    RawClient client(port());
    create_t(client);
    auto all = work_bytes_.try_acquire(work_bytes_.total());
    ASSERT_NE(all.bytes(), 0u);
    EXPECT_EQ(client.ask(R"({"insert":{"table_name":"t","data":{"id":1}}})"), "ok") << "small ones take none";
    const std::string batch = "{\"batch_insert\":{\"table_name\":\"t\",\"data\":[{\"id\":1,\"name\":\"" +
                              std::string(20'000, 'x') + "\"}]}}";
    client.send_frame(batch);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_EQ(rows_stored(), 1);
    all.release();
    EXPECT_EQ(client.reply(), "ok");
    EXPECT_EQ(rows_stored(), 2);
    EXPECT_TRUE(eventually([&] { return work_bytes_.in_use() == 0; }));
}

TEST_F(StatementsTest, TablesSurviveARestartOfTheMaster) {
    {
        RawClient client(port());
        create_t(client);
        EXPECT_EQ(client.sql("alter table t add c string default test"), "ok");
    }
    stop();
    start();
    RawClient client(port());
    client.send_frame("{\"sql\":\"desc t\"}");
    EXPECT_EQ(client.read_code(), -3);
    EXPECT_TRUE(json::parse(client.read_text()).contains("c"));
}

}  // namespace
}  // namespace dl::master::testing
