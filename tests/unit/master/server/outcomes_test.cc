// What a client is told when something goes wrong on the way to the slaves.
#include <gtest/gtest.h>

#include "tests/unit/master/server/master_fixture.h"

namespace dl::master::testing {
namespace {

class OutcomesTest : public MasterFixture {};

TEST_F(OutcomesTest, ABatchIdMakesALostAnswerHarmless) {
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

TEST_F(OutcomesTest, ACreateWhoseAnswerIsLostSaysWhatToRepeat) {
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
TEST_F(OutcomesTest, ARefusedRepeatOfALostBatchIsAnUnknownOutcome) {
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
TEST_F(OutcomesTest, AnUnknownOutcomeThatASlaveTellsIsToldAtOnce) {
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

TEST_F(OutcomesTest, ABatchTellsWrittenUnknownAndNotWrittenPartitionsApart) {
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

TEST_F(OutcomesTest, ARequestOfAnotherEpochIsRepeatedWhenTheSlaveKnowsThePlacement) {
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

TEST_F(OutcomesTest, AnEpochThatNobodyServesIsUnavailableInTheEnd) {
    RawClient client(port());
    create_t(client, 1);
    slaves_[0]->break_partition(0, make_error(ErrorCode::not_leader, "is in epoch 7 here"));
    const auto reply = client.ask(R"({"insert":{"table_name":"t","crud":"insert","data":{"id":1}}})");
    EXPECT_TRUE(reply.starts_with("UNAVAILABLE: table t, partition 0: is in epoch 7 here")) << reply;
}

TEST_F(OutcomesTest, APartlyWrittenBatchSaysWhichParts) {
    RawClient client(port());
    create_t(client, 2);
    slaves_[1]->fail_next(rpc::Method::append, make_error(ErrorCode::disk_full, "no space"));
    const auto reply = client.ask(
        R"({"batch_insert":{"table_name":"t","data":[{"id":1},{"id":2},{"id":3},{"id":4},{"id":5},{"id":6}]}})");
    EXPECT_TRUE(reply.starts_with("PARTIAL: partitions written: 0; not written: 1")) << reply;
    EXPECT_NE(reply.find("DISK_FULL"), std::string::npos) << reply;
}

TEST_F(OutcomesTest, ASlaveBehindIsSentTheSchema) {
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

TEST_F(OutcomesTest, AFailedCreateLeavesNothing) {
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

TEST_F(OutcomesTest, ASlaveThatIsDownCostsOnlyWhatNeedsIt) {
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

class PatientOutcomesTest : public OutcomesTest {
  protected:
    PatientOutcomesTest() { slave_wait_ = std::chrono::seconds(10); }
};

// Whatever was surely not sent waits for the slave: after a restart of it nothing fails at once.
TEST_F(PatientOutcomesTest, StatementsWaitForASlaveThatStarts) {
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

}  // namespace
}  // namespace dl::master::testing
