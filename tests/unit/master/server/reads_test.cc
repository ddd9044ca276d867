// Reading by offset, waiting for offsets, and lookups by key.
#include <gtest/gtest.h>

#include "tests/unit/master/server/master_fixture.h"

namespace dl::master::testing {
namespace {

class ReadsTest : public MasterFixture {};

// What one partition does not give does not keep back what the others do.
TEST_F(ReadsTest, AStreamReadDeliversWhatItCanAndSaysWhereToGoOn) {
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

TEST_F(ReadsTest, StreamRead) {
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
            .substr(0, 45),
        "{\"meta\":{\"next\":{\"1\":9999},\"compacted\":{},\"ta");
    EXPECT_TRUE(
        client
            .ask(R"({"stream_read":{"table_name":"t","patition_mess":[{"patition_code":2,"offset":0}],)"
                 R"("read_count":4}})")
            .starts_with("PARTITION_NOT_FOUND"));
    EXPECT_FALSE(client.ask(R"({"stream_read":{"table_name":"t","patition_mess":[],"read_count":0}})")
                     .ends_with("ok"));
}

TEST_F(ReadsTest, LongPollOverSeveralSlavesWakesForEither) {
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

TEST_F(ReadsTest, MinOffsetsWaitOrTimeOut) {
    RawClient client(port());
    create_t(client, 2);
    const auto reply = client.ask(R"({"stream_read":{"table_name":"t","read_count":1},)"
                                  R"("options":{"min_offsets":{"1":5},"timeout_ms":50}})");
    EXPECT_TRUE(reply.starts_with("TIMEOUT")) << reply;
    EXPECT_NE(reply.find("partition 1 at 5"), std::string::npos) << reply;
}

// They go to the slave at once: the coordinator, which would answer three numbers, is not asked.
TEST_F(ReadsTest, LookupsByKeyGoStraightToTheirSlave) {
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

TEST_F(ReadsTest, LookupsByKeyEndInTimeAndWithTheirClient) {
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
TEST_F(ReadsTest, ManyLookupsAtOnce) {
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

}  // namespace
}  // namespace dl::master::testing
