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
    EXPECT_TRUE(client.sql("delete from t where name = 'x'").starts_with("NOT_SUPPORTED"));
    EXPECT_TRUE(client.sql("insert into t values (1)").starts_with("INVALID_REQUEST"));
    EXPECT_TRUE(client.sql("insert into t (nope, id) values (1, 2)").starts_with("COLUMN_NOT_FOUND"));
    EXPECT_TRUE(client.sql("insert into t (id) values ('x')").starts_with("INVALID_VALUE"));
}

TEST_F(StatementsTest, ABatchIdMakesALostAnswerHarmless) {
    RawClient client(port());
    create_t(client, 1);
    const std::string insert = R"({"insert":{"table_name":"t","crud":"insert","data":{"id":1}})";
    slaves_[0]->fail_next(rpc::Method::append, make_error(ErrorCode::unknown_outcome, "connection lost"),
                          true);
    const auto plain = client.ask(insert + "}");
    EXPECT_TRUE(plain.starts_with("UNKNOWN_OUTCOME")) << plain;
    EXPECT_EQ(slaves_[0]->end(0), 1);
    // The connection breaks after the slave has written the batch.
    slaves_[0]->hold_next(rpc::Method::append);
    std::thread breaker([&] {
        EXPECT_TRUE(eventually([&] { return slaves_[0]->holds(); }));
        slaves_[0]->restart();
    });
    const auto meta = client.ask(insert + R"(,"options":{"batch_id":"b","meta":true}})");
    breaker.join();
    EXPECT_NE(meta.find("\"duplicate\":true"), std::string::npos) << meta;
    EXPECT_NE(meta.find("\"0\":[1,1]"), std::string::npos) << meta;
    EXPECT_EQ(slaves_[0]->end(0), 2);
}

TEST_F(StatementsTest, ACreateWhoseAnswerIsLostSaysWhatToRepeat) {
    RawClient client(port());
    slaves_[0]->hold_next(rpc::Method::create_table);
    std::thread breaker([&] {
        EXPECT_TRUE(eventually([&] { return slaves_[0]->holds(); }));
        slaves_[0]->restart();
    });
    const auto reply = client.sql("create table t(id int primary key) partition.number = 2");
    breaker.join();
    EXPECT_TRUE(reply.starts_with("UNAVAILABLE: table 't' was not created")) << reply;
    EXPECT_TRUE(reply.ends_with("; repeat the statement")) << reply;
    EXPECT_EQ(reply.find("batch id"), std::string::npos) << reply;
}

// What happens to a repeat says nothing about the try before it.
TEST_F(StatementsTest, ARefusedRepeatOfALostBatchIsAnUnknownOutcome) {
    RawClient client(port());
    create_t(client, 1);
    slaves_[0]->hold_next(rpc::Method::append);
    std::thread breaker([&] {
        EXPECT_TRUE(eventually([&] { return slaves_[0]->holds(); }));
        slaves_[0]->break_partition(0, make_error(ErrorCode::disk_full, "no space"));
        slaves_[0]->restart();
    });
    const auto reply = client.ask(
        R"({"insert":{"table_name":"t","crud":"insert","data":{"id":1}},"options":{"batch_id":"b"}})");
    breaker.join();
    EXPECT_EQ(slaves_[0]->end(0), 1) << "it is written";
    EXPECT_TRUE(reply.starts_with("UNKNOWN_OUTCOME: ")) << reply;
    EXPECT_NE(reply.find("DISK_FULL: table t, partition 0: no space"), std::string::npos) << reply;
}

// A slave that does not know whether a batch was written knows it no better when it is asked again.
TEST_F(StatementsTest, AnUnknownOutcomeThatASlaveTellsIsToldAtOnce) {
    RawClient client(port());
    create_t(client, 1);
    slaves_[0]->break_partition(0, make_error(ErrorCode::unknown_outcome, "the sync failed"));
    const auto begin = std::chrono::steady_clock::now();
    const auto reply = client.ask(
        R"({"insert":{"table_name":"t","crud":"insert","data":{"id":1}},"options":{"batch_id":"b"}})");
    EXPECT_EQ(reply, "UNKNOWN_OUTCOME: table t, partition 0: the sync failed");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(3));
    EXPECT_EQ(slaves_[0]->calls(rpc::Method::append), 1);
    // The same of a whole request: told it is no lost answer.
    slaves_[0]->fail_next(rpc::Method::append, make_error(ErrorCode::unknown_outcome, "it went away"), true);
    const auto whole = client.ask(
        R"({"insert":{"table_name":"t","crud":"insert","data":{"id":1}},"options":{"batch_id":"c"}})");
    EXPECT_EQ(whole, "UNKNOWN_OUTCOME: it went away");
    EXPECT_EQ(slaves_[0]->calls(rpc::Method::append), 2);
}

TEST_F(StatementsTest, ABatchTellsWrittenUnknownAndNotWrittenPartitionsApart) {
    RawClient client(port());
    create_t(client, 4);
    std::string rows;
    for (int i = 0; i < 64; ++i)
        rows += (i == 0 ? "{\"id\":" : ",{\"id\":") + std::to_string(i) + "}";
    const auto batch = R"({"batch_insert":{"table_name":"t","data":[)" + rows + "]}}";
    for (auto& slave : slaves_)
        slave->break_partition(2, make_error(ErrorCode::disk_full, "no space"));
    const auto partial = client.ask(batch);
    EXPECT_TRUE(partial.starts_with(
        "PARTIAL: partitions written: 0,1,3; not written: 2 (DISK_FULL: table t, partition 2: no space)"))
        << partial;
    for (auto& slave : slaves_)
        slave->break_partition(3, make_error(ErrorCode::io_error, "sync failed"));
    const auto unknown = client.ask(batch);
    EXPECT_TRUE(
        unknown.starts_with("UNKNOWN_OUTCOME: partitions written: 0,1; not known of: 3; not written: 2 "
                            "(IO_ERROR: table t, partition 3: sync failed)"))
        << unknown;
}

TEST_F(StatementsTest, ARequestOfAnotherEpochIsRepeatedWhenTheSlaveKnowsThePlacement) {
    RawClient client(port());
    create_t(client, 1);
    const auto updates = slaves_[0]->calls(rpc::Method::update_table);
    for (const auto method :
         {rpc::Method::append, rpc::Method::offsets, rpc::Method::read, rpc::Method::query})
        slaves_[0]->fail_next(method, make_error(ErrorCode::not_leader, "is in epoch 7 here"));
    EXPECT_EQ(client.ask(R"({"insert":{"table_name":"t","crud":"insert","data":{"id":1}}})"), "ok");
    EXPECT_EQ(client.sql("max_offset t"), R"({"0":0})");
    EXPECT_TRUE(
        client
            .ask(R"({"stream_read":{"table_name":"t","patition_mess":[{"patition_code":0,"offset":0}],)"
                 R"("read_count":3}})")
            .starts_with("0:0-1|ok"));
    client.send_frame(R"({"query":"select * from t where id = 7"})");
    const auto row = client.read_text();
    EXPECT_NE(row.find("7"), std::string::npos) << row;
    EXPECT_EQ(client.read_code(), -1);
    EXPECT_EQ(slaves_[0]->calls(rpc::Method::update_table), updates + 4);
}

TEST_F(StatementsTest, AnEpochThatNobodyServesIsUnavailableInTheEnd) {
    RawClient client(port());
    create_t(client, 1);
    slaves_[0]->break_partition(0, make_error(ErrorCode::not_leader, "is in epoch 7 here"));
    const auto reply = client.ask(R"({"insert":{"table_name":"t","crud":"insert","data":{"id":1}}})");
    EXPECT_TRUE(reply.starts_with("UNAVAILABLE: table t, partition 0: is in epoch 7 here")) << reply;
}

TEST_F(StatementsTest, APartlyWrittenBatchSaysWhichParts) {
    RawClient client(port());
    create_t(client, 2);
    slaves_[1]->fail_next(rpc::Method::append, make_error(ErrorCode::disk_full, "no space"));
    const auto reply = client.ask(
        R"({"batch_insert":{"table_name":"t","data":[{"id":1},{"id":2},{"id":3},{"id":4},{"id":5},{"id":6}]}})");
    EXPECT_TRUE(reply.starts_with("PARTIAL: partitions written: 0; not written: 1")) << reply;
    EXPECT_NE(reply.find("DISK_FULL"), std::string::npos) << reply;
}

TEST_F(StatementsTest, ASlaveBehindIsSentTheSchema) {
    RawClient client(port());
    create_t(client, 1);
    EXPECT_EQ(client.sql("alter table t add extra int default 3"), "ok");
    const auto updates = slaves_[0]->calls(rpc::Method::update_table);
    EXPECT_EQ(updates, 1);
    slaves_[0]->fail_next(rpc::Method::append,
                          make_error(ErrorCode::schema_mismatch, "schema 2 is not known"));
    EXPECT_EQ(client.ask(R"({"insert":{"table_name":"t","crud":"insert","data":{"id":1,"extra":7}}})"), "ok");
    EXPECT_EQ(slaves_[0]->calls(rpc::Method::update_table), updates + 1);
    EXPECT_EQ(slaves_[0]->last_schema(), 2u);
    EXPECT_TRUE(client.sql("alter table t add extra int").starts_with("COLUMN_EXISTS"));
    EXPECT_EQ(client.sql("alter table t add column if not exists extra int"), "ok");
    EXPECT_EQ(client.sql("alter table t orop extra"), "ok");
    EXPECT_EQ(client.sql("alter table t drop column if exists extra"), "ok");
    EXPECT_TRUE(client.sql("alter table t drop extra").starts_with("COLUMN_NOT_FOUND"));
    EXPECT_TRUE(client.sql("alter table t drop id").starts_with("INVALID_REQUEST"));
}

TEST_F(StatementsTest, AFailedCreateLeavesNothing) {
    RawClient client(port());
    slaves_[1]->fail_next(rpc::Method::create_table, make_error(ErrorCode::io_error, "disk broke"), true);
    const auto reply = client.sql("create table t(id int primary key) partition.number=2");
    EXPECT_TRUE(reply.starts_with("UNAVAILABLE")) << reply;
    client.send_frame("{\"sql\":\"show_table\"}");
    EXPECT_EQ(client.read_text(), "[]");
    EXPECT_EQ(slaves_[0]->tables().size(), 1u);
    HealthOptions quick;
    quick.interval = std::chrono::milliseconds(20);
    quick.cleanup_interval = std::chrono::milliseconds(20);
    HealthMonitor health(*directory_of_slaves_, *nodes_, *tables_, quick);
    health.start(pool_.executor());
    EXPECT_TRUE(eventually([&] { return slaves_[0]->tables().empty() && slaves_[1]->tables().empty(); }));
    EXPECT_TRUE(eventually([&] { return catalog_->pending_drops().value().empty(); }));
    health.stop();
}

TEST_F(StatementsTest, ASlaveThatIsDownCostsOnlyWhatNeedsIt) {
    RawClient client(port());
    create_t(client, 1);
    EXPECT_EQ(client.sql("create table u(id int primary key)"), "ok");  // goes to the other slave
    const auto address = slaves_[1]->address();
    slaves_[1]->stop();
    EXPECT_EQ(client.ask(R"({"insert":{"table_name":"t","crud":"insert","data":{"id":1}}})"), "ok");
    const auto begin = std::chrono::steady_clock::now();
    const auto refused = client.ask(R"({"insert":{"table_name":"u","crud":"insert","data":{"id":1}}})");
    EXPECT_TRUE(refused.starts_with("UNAVAILABLE")) << refused;
    EXPECT_NE(refused.find(address), std::string::npos) << refused;
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20)) << "not after its timeout";
    EXPECT_EQ(client.sql("drop u"), "ok");
    EXPECT_EQ(catalog_->pending_drops().value().size(), 1u);
    slaves_[1] = std::make_unique<FakeSlave>(pool_, address);
    HealthOptions quick;
    quick.interval = std::chrono::milliseconds(20);
    quick.cleanup_interval = std::chrono::milliseconds(20);
    HealthMonitor health(*directory_of_slaves_, *nodes_, *tables_, quick);
    health.start(pool_.executor());
    EXPECT_TRUE(eventually([&] { return catalog_->pending_drops().value().empty(); }));
    health.stop();
}

class PatientStatementsTest : public StatementsTest {
  protected:
    PatientStatementsTest() { slave_wait_ = std::chrono::seconds(10); }
};

// Whatever was surely not sent waits for the slave: after a restart of it nothing fails at once.
TEST_F(PatientStatementsTest, StatementsWaitForASlaveThatStarts) {
    RawClient client(port());
    create_t(client, 1);
    const auto while_away = [&](const std::string& statement) {
        slaves_[0]->stop();
        std::thread starter([&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(300));
            slaves_[0]->restart();
        });
        const auto reply = client.ask(statement);
        starter.join();
        return reply;
    };
    EXPECT_EQ(while_away(R"({"insert":{"table_name":"t","crud":"insert","data":{"id":1}}})"), "ok");
    EXPECT_EQ(slaves_[0]->end(0), 1);
    EXPECT_EQ(while_away(R"({"stream_read":{"table_name":"t","patition_mess":[],"read_count":10}})"),
              "0:0-1|ok");
    EXPECT_EQ(while_away(R"({"compress_table":"t"})"), "ok");
    const auto found = while_away(R"({"query":"select * from t where id = 7"})");
    EXPECT_TRUE(found.ends_with("ok")) << found;
    EXPECT_EQ(while_away(R"({"sql":"create table u(id int primary key) partition.number = 2"})"), "ok");
}

// What one partition does not give does not keep back what the others do.
TEST_F(StatementsTest, AStreamReadDeliversWhatItCanAndSaysWhereToGoOn) {
    RawClient client(port());
    create_t(client, 4);
    std::string rows;
    for (int i = 0; i < 64; ++i)
        rows += (i == 0 ? "{\"id\":" : ",{\"id\":") + std::to_string(i) + "}";
    EXPECT_EQ(client.ask(R"({"batch_insert":{"table_name":"t","data":[)" + rows + "]}}"), "ok");
    for (auto& slave : slaves_)
        slave->break_partition(1, make_error(ErrorCode::corrupt_data, "a damaged file"));
    const std::string read = R"({"stream_read":{"table_name":"t","patition_mess":[],"read_count":2}})";
    const auto reply = client.ask(read);
    for (const auto* frame : {"0:0-2|", "2:0-2|", "3:0-2|"})
        EXPECT_NE(reply.find(frame), std::string::npos) << reply;
    EXPECT_NE(
        reply.find("|CORRUPT_DATA: table 't': partitions that failed: 1 (a damaged file); of the others the "
                   "records were sent; read on: 0 at 2, 1 at 0, 2 at 2, 3 at 2"),
        std::string::npos)
        << reply;
    // A slave that is away fails all its partitions, and only these.
    slaves_[1]->stop();
    const auto half = client.ask(read);
    EXPECT_NE(half.find("0:0-2|"), std::string::npos) << half;
    EXPECT_NE(half.find("partitions that failed: 1,3"), std::string::npos) << half;
}

TEST_F(StatementsTest, StreamRead) {
    RawClient client(port());
    create_t(client, 2);
    std::string rows;
    for (int i = 0; i < 100; ++i)
        rows += std::string(i == 0 ? "" : ",") + "{\"id\":" + std::to_string(i) + "}";
    EXPECT_EQ(client.ask("{\"batch_insert\":{\"table_name\":\"t\",\"data\":[" + rows + "]}}"), "ok");
    const auto first = std::to_string(slaves_[0]->end(0));
    const auto second = std::to_string(slaves_[1]->end(1));
    EXPECT_EQ(client.ask(R"({"stream_read":{"table_name":"t","patition_mess":[],"read_count":1000}})").size(),
              ("0:0-" + first + "|1:0-" + second + "|ok").size());
    EXPECT_EQ(
        client.ask(R"({"stream_read":{"table_name":"t","patition_mess":[{"patition_code":1,"offset":3}],)"
                   R"("read_count":4}})"),
        "1:3-7|ok");
    EXPECT_EQ(
        client
            .ask(R"({"stream_read":{"table_name":"t","partition_mess":[{"partition_code":1,"offset":9999}],)"
                 R"("read_count":4},"options":{"meta":true}})")
            .substr(0, 32),
        "{\"meta\":{\"next\":{\"1\":9999},\"elap");
    EXPECT_TRUE(
        client
            .ask(R"({"stream_read":{"table_name":"t","patition_mess":[{"patition_code":2,"offset":0}],)"
                 R"("read_count":4}})")
            .starts_with("PARTITION_NOT_FOUND"));
    EXPECT_FALSE(client.ask(R"({"stream_read":{"table_name":"t","patition_mess":[],"read_count":0}})")
                     .ends_with("ok"));
}

TEST_F(StatementsTest, LongPollOverSeveralSlavesWakesForEither) {
    RawClient reader(port());
    RawClient writer(port());
    create_t(reader, 4);
    for (int i = 0; i < 8; ++i) {
        const auto waits = [&](int slave) { return slaves_[slave]->calls(rpc::Method::wait); };
        const int first = waits(0), second = waits(1);
        json from = json::array();
        for (std::uint32_t p = 0; p < 4; ++p)
            from.push_back({{"patition_code", p}, {"offset", slaves_[p % 2]->end(p)}});
        reader.send_frame(
            json{{"stream_read", {{"table_name", "t"}, {"patition_mess", from}, {"read_count", 10}}},
                 {"options", {{"max_wait_ms", 60000}}}}
                .dump());
        EXPECT_TRUE(eventually([&] { return waits(0) > first && waits(1) > second; }));
        const auto begin = std::chrono::steady_clock::now();
        EXPECT_EQ(writer.ask("{\"insert\":{\"table_name\":\"t\",\"crud\":\"insert\",\"data\":{\"id\":" +
                             std::to_string(i) + "}}}"),
                  "ok");
        const auto reply = reader.reply();
        EXPECT_NE(reply, "ok");
        EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(25));
    }
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(
        reader.ask(R"({"stream_read":{"table_name":"t","patition_mess":[{"patition_code":0,"offset":99},)"
                   R"({"patition_code":1,"offset":99}],"read_count":1},"options":{"max_wait_ms":60}})"),
        "ok");
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(60));
}

TEST_F(StatementsTest, MinOffsetsWaitOrTimeOut) {
    RawClient client(port());
    create_t(client, 2);
    const auto reply = client.ask(R"({"stream_read":{"table_name":"t","read_count":1},)"
                                  R"("options":{"min_offsets":{"1":5},"timeout_ms":50}})");
    EXPECT_TRUE(reply.starts_with("TIMEOUT")) << reply;
    EXPECT_NE(reply.find("partition 1 at 5"), std::string::npos) << reply;
}

// They go to the slave at once: the coordinator, which would answer three numbers, is not asked.
TEST_F(StatementsTest, LookupsByKeyGoStraightToTheirSlave) {
    RawClient client(port());
    create_t(client);
    EXPECT_EQ(client.sql("select id from t where id = 7"), "{\"the id\":7}|ok");
    EXPECT_EQ(client.ask(R"({"query":"select * from t where id = 8"})"), "{\"the id\":8}|ok");
    EXPECT_EQ(client.sql("select id from t where id = 404"), "ok");
    const auto meta = client.ask(R"({"query":"select id from t where id = 9","options":{"meta":true}})");
    EXPECT_TRUE(meta.starts_with("{\"the id\":9}|{\"meta\":{\"offsets\":{\"t\":{\"")) << meta;
    EXPECT_NE(meta.find(":12}},\"behind\":{\"t\":2},\"rows\":1,"), std::string::npos) << meta;
    EXPECT_EQ(slaves_[0]->calls(rpc::Method::query) + slaves_[1]->calls(rpc::Method::query), 4);
    EXPECT_TRUE(client.sql("select id from t where id = 1 + 1").starts_with("{\"n\":0}|"));
    EXPECT_TRUE(client.sql("select nothing from t where id = 7").starts_with("{\"n\":0}|"));

    const Error older = make_error(ErrorCode::schema_mismatch, "knows an older one");
    for (auto& slave : slaves_)
        slave->fail_next(rpc::Method::query, older);
    EXPECT_EQ(client.sql("select id from t where id = 7"), "{\"the id\":7}|ok")
        << "the slave is told the schema and asked again";
    for (auto& slave : slaves_)
        slave->fail_next(rpc::Method::query, make_error(ErrorCode::corrupt_data, "a damaged file"));
    EXPECT_TRUE(client.sql("select id from t where id = 7").starts_with("CORRUPT_DATA: a damaged file"));
}

TEST_F(StatementsTest, LookupsByKeyEndInTimeAndWithTheirClient) {
    RawClient client(port());
    create_t(client);
    const auto reply =
        client.ask(R"({"query":"select * from t where id = 500","options":{"timeout_ms":50}})");
    EXPECT_EQ(reply, "TIMEOUT: the query ran out of time; raise timeout_ms or ask for less");
    EXPECT_EQ(client.sql("select id from t where id = 7"), "{\"the id\":7}|ok");
    {
        const auto lookups = [&] {
            return slaves_[0]->calls(rpc::Method::query) + slaves_[1]->calls(rpc::Method::query);
        };
        const int before = lookups();
        RawClient leaving(port());
        leaving.send_frame(R"({"query":"select * from t where id = 500"})");
        EXPECT_TRUE(eventually([&] { return lookups() > before; }));
    }
    EXPECT_TRUE(eventually([&] { return server_->sessions() == 1; }));
    EXPECT_TRUE(slaves_[0]->lookup_was_cancelled() || slaves_[1]->lookup_was_cancelled());
}

// More at once than may be under way: all are answered, each its own.
TEST_F(StatementsTest, ManyLookupsAtOnce) {
    std::vector<std::unique_ptr<RawClient>> clients;
    clients.push_back(std::make_unique<RawClient>(port()));
    create_t(*clients[0]);
    while (clients.size() < 3 * PointRouter::kInFlightMax)
        clients.push_back(std::make_unique<RawClient>(port()));
    for (std::size_t i = 0; i < clients.size(); ++i)
        clients[i]->send_frame(R"({"query":"select id from t where id = )" + std::to_string(1000 + i) +
                               "\"}");
    for (std::size_t i = 0; i < clients.size(); ++i)
        EXPECT_EQ(clients[i]->reply(), "{\"the id\":" + std::to_string(1000 + i) + "}|ok");
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
