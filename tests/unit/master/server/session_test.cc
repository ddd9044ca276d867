// Raw bytes against a session: framing, order, staying in sync, clients that leave.
#include "master/protocol/native/session.h"

#include <gtest/gtest.h>

#include "tests/unit/master/server/master_fixture.h"

namespace dl::master::testing {
namespace {

class ClientSessionTest : public MasterFixture {};

const std::string kProtocolBatch(
    "\x5d\xf0\x5c\x02\x00\x00\x00t1\x03\x00\x00\x00\x02\x00\x00\x00id\x04\x00\x00\x00name\x0a\x00\x00\x00_"
    "crud_type"
    "\x02\x00\x00\x00"
    "\x03\x00\x00\x00\x01\x00\x00\x00"
    "1\x02\x00\x00\x00"
    "ab\x06\x00\x00\x00insert"
    "\x03\x00\x00\x00\x01\x00\x00\x00"
    "2\x03\x00\x00\x00/~|\x06\x00\x00\x00"
    "delete",
    96);

TEST_F(ClientSessionTest, TheRecordedBinaryBatchOfTheProtocol) {
    RawClient client(port());
    EXPECT_EQ(client.sql("create table t1(id int primary key, name string)"), "ok");
    client.send_bytes(std::string("\0\0\0\x0e\"batch_insert\"\0\0\0\x60", 22) + kProtocolBatch);
    EXPECT_EQ(client.read_bytes(4), "\xff\xff\xff\xff");
    EXPECT_EQ(rows_stored(), 2);
    EXPECT_EQ(client.sql("max_offset t1"), "{\"0\":1}");
}

TEST_F(ClientSessionTest, BadContentKeepsTheConnectionInSync) {
    RawClient client(port());
    create_t(client);
    for (const char* bad :
         {"", "{", "nonsense", "{\"unknown\":1}", "{\"query\":1}", "{\"insert\":{}}", "\"batch_insertt\"",
          "{\"sql\":\"select 1\",\"sql\":\"select 1\"}", "{\"sql\":\"slect\"}", "\xff\xfe", "[]", "null"}) {
        if (*bad == '\0') continue;
        const auto reply = client.ask(bad);
        EXPECT_NE(reply, "ok") << bad;
        EXPECT_NE(reply.find(": "), std::string::npos) << bad << " -> " << reply;
    }
    std::string deep;
    for (int i = 0; i < 100000; ++i)
        deep += "{\"a\":";
    EXPECT_NE(client.ask(deep), "ok");
    client.send_frame("{\"sql\":\"show_table\"}");
    EXPECT_EQ(client.read_text(), "[\"t\"]");
}

TEST_F(ClientSessionTest, BadFramingIsAnsweredOnceThenClosed) {
    for (const std::int32_t length : {-1, -2, -1000, INT32_MIN, INT32_MAX, (1 << 20) + 1}) {
        RawClient client(port());
        std::string head(4, '\0');
        store_be32(head.data(), static_cast<std::uint32_t>(length));
        client.send_frame("{\"sql\":\"drop table nothing\"}");  // its reply comes first
        client.send_bytes(head + "trailing bytes");
        EXPECT_TRUE(client.reply().starts_with("TABLE_NOT_FOUND")) << length;
        const auto reply = client.reply();
        EXPECT_TRUE(reply.starts_with(length > 0 ? "LIMIT_EXCEEDED" : "INVALID_REQUEST"))
            << length << " " << reply;
        EXPECT_TRUE(client.at_end()) << length;
    }
    RawClient client(port());
    create_t(client);
}

TEST_F(ClientSessionTest, TheSecondFrameIsReadEvenWhenTheBatchIsRefused) {
    RawClient client(port());
    // Table missing, garbage instead of snappy, refused options: one reply each, and the next statement is
    // understood.
    client.send_frame("\"batch_insert\"");
    client.send_frame(kProtocolBatch);
    EXPECT_TRUE(client.reply().starts_with("TABLE_NOT_FOUND"));
    client.send_frame("{\"batch_insert\":null}");
    client.send_frame("garbage");
    EXPECT_FALSE(client.reply().ends_with("ok"));
    client.send_frame("{\"options\":{\"bogus\":1},\"batch_insert\": null}");
    client.send_frame("{\"sql\":\"show_table\"}");
    EXPECT_TRUE(client.reply().starts_with("INVALID_REQUEST"));
    create_t(client);
    EXPECT_EQ(rows_stored(), 0);
}

TEST_F(ClientSessionTest, PipelinedStatementsAreAnsweredInOrder) {
    RawClient client(port());
    create_t(client);
    constexpr int kStatements = 3000;
    std::thread sender([&] {
        std::string bytes;
        for (int i = 0; i < kStatements; ++i)
            bytes += RawClient::frame(
                i % 3 == 0 ? "{\"insert\":{\"table_name\":\"t\",\"crud\":\"insert\",\"data\":{\"id\":\"" +
                                 std::to_string(i) + "\"}}}"
                : i % 3 == 1 ? "{\"sql\":\"drop table no_" + std::to_string(i) + "\"}"
                             : "{\"query\":\"select n\"}");
        client.send_bytes(bytes);
    });
    for (int i = 0; i < kStatements; ++i) {
        const auto reply = client.reply();
        if (i % 3 == 0) {
            ASSERT_EQ(reply, "ok") << i;
        } else if (i % 3 == 1) {
            ASSERT_NE(reply.find("'no_" + std::to_string(i) + "'"), std::string::npos) << reply;
        } else {
            ASSERT_EQ(reply, "{\"n\":0}|{\"n\":1}|{\"n\":2}|ok") << i;
        }
    }
    sender.join();
    EXPECT_EQ(rows_stored(), kStatements / 3);
}

TEST_F(ClientSessionTest, BytesThatDribbleIn) {
    RawClient client(port());
    for (const char c : RawClient::frame("{\"sql\":\"drop table x\"}")) {
        client.send_bytes(std::string_view(&c, 1));
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    EXPECT_TRUE(client.reply().starts_with("TABLE_NOT_FOUND"));
}

TEST_F(ClientSessionTest, AClientThatDiesWithinAFrameHarmsNobody) {
    RawClient other(port());
    create_t(other);
    for (int i = 0; i < 20; ++i) {
        RawClient client(port());
        client.send_bytes(
            std::string("\0\0\x10\0{\"insert\":", 14).substr(0, static_cast<std::size_t>(1 + i % 14)));
        client.close();
    }
    {
        RawClient client(port());
        client.send_frame("\"batch_insert\"");
        client.send_bytes(std::string("\0\0\0\x60", 4) + kProtocolBatch.substr(0, 50));
    }
    EXPECT_TRUE(eventually([&] { return server_->sessions() == 1; }));
    EXPECT_EQ(other.ask("{\"insert\":{\"table_name\":\"t\",\"crud\":\"insert\",\"data\":{\"id\":1}}}"), "ok");
    EXPECT_EQ(rows_stored(), 1);
}

TEST_F(ClientSessionTest, AClientThatLeavesCancelsItsQuery) {
    RawClient client(port());
    client.send_frame("{\"query\":\"select hang\"}");
    ASSERT_TRUE(eventually([&] { return coordinator_.hanging == 1; }));
    EXPECT_EQ(coordinator_.cancelled, 0);
    client.close();
    EXPECT_TRUE(eventually([&] { return coordinator_.cancelled == 1 && server_->sessions() == 0; }));
}

TEST_F(ClientSessionTest, AClientThatLeavesEndsItsLongPoll) {
    RawClient other(port());
    create_t(other, 1);
    RawClient client(port());
    client.send_frame(
        R"({"stream_read":{"table_name":"t","patition_mess":[],"read_count":1},"options":{"max_wait_ms":60000}})");
    ASSERT_TRUE(eventually([&] { return slaves_[0]->calls(rpc::Method::wait) > 0; }));
    client.close();
    EXPECT_TRUE(eventually([&] { return slaves_[0]->wait_was_cancelled() && server_->sessions() == 1; }));
}

// More than there are slots wait for what never comes; queries run all the same.
TEST_F(ClientSessionTest, QueriesThatWaitForRecordsHoldNoSlot) {
    RawClient client(port());
    create_t(client, 1);
    std::vector<std::unique_ptr<RawClient>> waiting;
    for (int i = 0; i < 4; ++i) {
        waiting.push_back(std::make_unique<RawClient>(port()));
        waiting.back()->send_frame(
            R"({"query":"select n from t","options":{"timeout_ms":86400000,"min_offsets":{"0":1000}}})");
    }
    ASSERT_TRUE(eventually([&] { return slaves_[0]->calls(rpc::Method::wait) == 4; }));
    EXPECT_EQ(client.ask(R"({"query":"select n","options":{"timeout_ms":5000}})"),
              "{\"n\":0}|{\"n\":1}|{\"n\":2}|ok");
    const auto late =
        client.ask(R"({"query":"select n from t","options":{"timeout_ms":50,"min_offsets":{"0":1000}}})");
    EXPECT_TRUE(
        late.starts_with("TIMEOUT: table 't' has not reached the offsets asked for in time: "
                         "partition 0 at 1000;"))
        << late;
    waiting.front()->close();
    EXPECT_TRUE(eventually([&] { return server_->sessions() == 4 && slaves_[0]->wait_was_cancelled(); }));
    EXPECT_TRUE(server_->stop(std::chrono::seconds(5)));
    EXPECT_TRUE(waiting.back()->reply().starts_with("UNAVAILABLE: this master is stopping"));
}

// More than there are slots do not read on; queries run all the same, and of too many results one makes room.
TEST_F(ClientSessionTest, SlowReadersHoldNoSlot) {
    coordinator_.rows = 1'000'000;
    std::vector<std::unique_ptr<RawClient>> slow;
    const auto open_one = [&] {
        slow.push_back(std::make_unique<RawClient>(port()));
        slow.back()->send_frame(R"({"query":"select n","options":{"timeout_ms":3600000}})");
    };
    for (std::size_t i = 1; i <= 3; ++i) {
        open_one();
        ASSERT_TRUE(eventually([&] { return open_results_.open() == i; }));
    }
    EXPECT_TRUE(eventually([&] { return query_slots_.in_use() == 0; })) << "none while they wait for clients";
    coordinator_.rows = 3;
    RawClient client(port());
    EXPECT_EQ(client.ask(R"({"query":"select n","options":{"timeout_ms":5000}})"),
              "{\"n\":0}|{\"n\":1}|{\"n\":2}|ok");
    coordinator_.rows = 1'000'000;
    open_one();
    open_one();
    // As many as may be open are so with the first of the two: the second one is there when it waits, too.
    ASSERT_TRUE(eventually([&] { return coordinator_.opened == 6 && query_slots_.in_use() == 0; }));
    ASSERT_EQ(open_results_.open(), 4u);
    // The one that has waited longest, which need not be the first: buffers grow as they like.
    int ended = 0;
    for (auto& client_of : slow) {
        const auto reply = client_of->reply();
        EXPECT_TRUE(reply.starts_with("{\"n\":0}|{\"n\":1}|"));
        const auto end = reply.substr(reply.size() - std::min<std::size_t>(reply.size(), 200));
        const auto* const refused =
            "|OVERLOADED: more results are read at the same time than this master keeps open (4)";
        if (end.find(refused) != std::string::npos)
            ++ended;
        else
            EXPECT_TRUE(end.ends_with("{\"n\":999999}|ok")) << end;
    }
    EXPECT_EQ(ended, 1);
    EXPECT_TRUE(eventually([&] { return open_results_.open() == 0; }));
}

TEST_F(ClientSessionTest, AHalfClosedClientGetsTheRepliesToItsWrites) {
    RawClient client(port());
    create_t(client);
    for (int i = 0; i < 10; ++i)
        client.send_frame("{\"insert\":{\"table_name\":\"t\",\"crud\":\"insert\",\"data\":{\"id\":" +
                          std::to_string(i) + "}}}");
    client.half_close();
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(client.reply(), "ok");
    EXPECT_TRUE(client.at_end());
    EXPECT_EQ(rows_stored(), 10);
}

TEST_F(ClientSessionTest, NoExceptionLeavesAStatement) {
    RawClient client(port());
    create_t(client);
    EXPECT_TRUE(client.sql("select missing").starts_with("TABLE_NOT_FOUND"));
    EXPECT_TRUE(client.sql("select throw").starts_with("INTERNAL: the statement failed: boom"));
    EXPECT_EQ(client.sql("select n"), "{\"n\":0}|{\"n\":1}|{\"n\":2}|ok");
}

TEST_F(ClientSessionTest, StoppingAnswersWhatRunsAndClosesWhatIdles) {
    RawClient idle(port());
    RawClient busy(port());
    create_t(idle, 1);
    busy.send_frame(R"({"stream_read":{"table_name":"t","read_count":1},"options":{"max_wait_ms":60000}})");
    ASSERT_TRUE(eventually([&] { return slaves_[0]->calls(rpc::Method::wait) > 0; }));
    EXPECT_TRUE(server_->stop(std::chrono::seconds(5)));
    EXPECT_TRUE(busy.reply().starts_with("UNAVAILABLE: this master is stopping"));
    EXPECT_TRUE(busy.at_end());
    EXPECT_TRUE(idle.at_end());
}

TEST_F(ClientSessionTest, StoppingEndsARunningQueryAtOnce) {
    RawClient client(port());
    client.send_frame("{\"query\":\"select hang\"}");
    client.send_frame("{\"query\":\"select hang\"}");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(server_->stop(std::chrono::seconds(20)));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
    EXPECT_TRUE(client.reply().starts_with("UNAVAILABLE: this master is stopping"));
    EXPECT_TRUE(client.reply().starts_with("UNAVAILABLE: this master is stopping"))
        << "the one behind it too";
    EXPECT_TRUE(client.at_end());
}

TEST_F(ClientSessionTest, StoppingDoesNotWaitForACompaction) {
    RawClient client(port());
    create_t(client, 1);
    slaves_[0]->hold_next(rpc::Method::compress);
    client.send_frame(R"({"compress_table":"t"})");
    ASSERT_TRUE(eventually([&] { return slaves_[0]->calls(rpc::Method::compress) > 0; }));
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(server_->stop(std::chrono::seconds(20)));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
    EXPECT_TRUE(client.reply().starts_with("UNAVAILABLE: this master is stopping"));
    EXPECT_TRUE(client.at_end());
}

TEST_F(ClientSessionTest, StoppingCutsNoFrameOfALongResult) {
    coordinator_.rows = 3'000'000;
    RawClient client(port());
    client.send_frame("{\"query\":\"select n\"}");
    EXPECT_EQ(client.read_text(), "{\"n\":0}");
    std::thread stopper([this] { EXPECT_TRUE(server_->stop(std::chrono::seconds(20))); });
    std::int32_t code = 0;
    int rows = 1;
    for (;; ++rows) {
        code = client.read_code();
        if (code < 0) break;
        ASSERT_EQ(client.read_bytes(static_cast<std::size_t>(code)), "{\"n\":" + std::to_string(rows) + "}");
    }
    stopper.join();
    EXPECT_EQ(code, -2);
    EXPECT_LT(rows, 3'000'000);
    EXPECT_TRUE(client.read_text().starts_with("UNAVAILABLE: this master is stopping"));
    EXPECT_TRUE(client.at_end());
}

// A query that does not listen.
TEST_F(ClientSessionTest, StoppingDoesNotWaitForEver) {
    coordinator_.deaf_for = std::chrono::milliseconds(400);
    RawClient client(port());
    client.send_frame("{\"query\":\"select hang\"}");
    ASSERT_TRUE(eventually([&] { return coordinator_.hanging == 1; }));
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_TRUE(server_->stop(std::chrono::milliseconds(50)));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
    EXPECT_EQ(coordinator_.cancelled, 1);
}

class SlowReaderTest : public MasterFixture {
  protected:
    void configure(ServerOptions& options) override {
        options.session.write_transfer.stall = std::chrono::milliseconds(200);
    }
};

TEST_F(SlowReaderTest, AClientThatNeverReadsIsDisconnected) {
    coordinator_.rows = 5'000'000;
    RawClient client(port());
    EXPECT_TRUE(eventually([&] { return server_->sessions() == 1; }));
    client.send_frame("{\"query\":\"select n\"}");
    EXPECT_TRUE(eventually([&] { return server_->sessions() == 0; }));
}

TEST_F(ClientSessionTest, ALongResultArrivesWhole) {
    coordinator_.rows = 300'000;
    RawClient client(port());
    client.send_frame("{\"query\":\"select n\"}");
    for (int i = 0; i < 300'000; ++i) {
        const auto size = client.read_code();
        ASSERT_EQ(client.read_bytes(static_cast<std::size_t>(size)), "{\"n\":" + std::to_string(i) + "}");
    }
    EXPECT_EQ(client.read_code(), -1);
}

}  // namespace
}  // namespace dl::master::testing
