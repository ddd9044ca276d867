#include "datalake/client.h"

#include <gtest/gtest.h>
#include <snappy.h>

#include <atomic>
#include <future>
#include <mutex>
#include <thread>

#include "common/base/error.h"
#include "data-lake-client/src/json_text.h"
#include "data-lake-client/src/statement.h"
#include "tests/unit/data-lake-client/fake_server.h"

namespace datalake {
namespace {

using test::FakePeer;
using test::FakeServer;
using namespace std::chrono_literals;

Options quick() {
    Options options;
    options.connect_timeout = 1s;
    options.timeout = 2s;
    options.retry_for = 2s;
    options.retry_pause_min = 1ms;
    options.retry_pause_max = 5ms;
    return options;
}

Client connected(const FakeServer& server, const Options& options = quick()) {
    auto client = Client::connect(server.address(), options);
    EXPECT_TRUE(client.ok());
    return std::move(*client);
}

// "producer_id number" or "batch_id"
std::string id_of(const std::string& json) {
    const auto options = json_member(json, "options")->raw;
    if (const auto id = json_member(options, "batch_id")) return id->text();
    return json_member(options, "producer_id")->text() + " " +
           std::string(json_member(options, "sequence")->raw);
}

TEST(ClientErrors, EveryCodeOfTheServerKeepsItsWordAndOutcome) {
    for (int i = 0; i <= static_cast<int>(dl::ErrorCode::internal); ++i) {
        const auto code = static_cast<dl::ErrorCode>(i);
        const auto error = Error::from_server(dl::Error{code, "what; do"}.to_text());
        EXPECT_EQ(error.code_name(), dl::error_code_name(code));
        EXPECT_NE(error.code(), ErrorCode::unknown) << error.code_name();
        EXPECT_EQ(error.message(), "what; do");
        EXPECT_EQ(static_cast<int>(error.outcome()), static_cast<int>(dl::error_outcome(code)))
            << error.code_name();
    }
    const auto newer = Error::from_server("SOMETHING_NEW: text");
    EXPECT_EQ(newer.code(), ErrorCode::unknown);
    EXPECT_EQ(newer.to_text(), "SOMETHING_NEW: text");
    EXPECT_EQ(newer.outcome(), Outcome::maybe_done);
    EXPECT_EQ(Error::from_server("no code here: x").message(), "no code here: x");
}

TEST(ClientStatements, KnowsWhatToExpect) {
    EXPECT_TRUE(statement_traits(R"({"sql":"show_table"})").one_frame);
    EXPECT_TRUE(statement_traits(R"( {"sql" : " -- names\n SHOW  Tables ; "} )").one_frame);
    EXPECT_FALSE(statement_traits(R"({"sql":"desc show_table"})").one_frame);
    EXPECT_TRUE(statement_traits(R"({"query":"select 1"})").read_only);
    EXPECT_FALSE(statement_traits(R"({"sql":"drop t"})").read_only);
    EXPECT_TRUE(statement_traits(R"("batch_insert")").takes_attachment);
    EXPECT_TRUE(statement_traits(R"({"batch_insert":null,"options":{"batch_id":"x"}})").takes_attachment);
    EXPECT_TRUE(statement_traits(R"({"options":{"batch_id":"x"},"batch_insert":{}})").has_batch_id);
    EXPECT_TRUE(
        statement_traits(R"({"options":{"producer_id":"x","sequence":1},"batch_insert":{}})").has_batch_id);
}

TEST(Client, ReportsAServerThatIsNotThere) {
    std::string address;
    {
        FakeServer server([](FakePeer&, int) {});
        address = server.address();
    }
    auto client = Client::connect(address, quick());
    ASSERT_FALSE(client.ok());
    EXPECT_EQ(client.error().code(), ErrorCode::connect_failed);
    EXPECT_EQ(client.error().outcome(), Outcome::nothing_done);
    EXPECT_NE(client.error().message().find(address), std::string::npos);
    EXPECT_EQ(Client::connect("host:port").error().code(), ErrorCode::invalid_argument);
    EXPECT_EQ(Client::connect("host:70000").error().code(), ErrorCode::invalid_argument);
}

TEST(Client, ReadsAllKindsOfReplies) {
    FakeServer server([](FakePeer& peer, int) {
        while (auto request = peer.read_frame()) {
            if (*request == R"({"sql":"show_table"})") {
                peer.frame(R"(["t1","users"])");
            } else if (*request == R"({"sql":"desc users"})") {
                peer.coded(
                    -3,
                    R"({"id":"{\"datatype\":\"long\",\"column_config\":\"PRIMARY_KEY\"}",)"
                    R"("sex":"{\"datatype\":\"string\",\"column_config\":\"DEFAULT\",\"default_value\":\"x\"}",)"
                    R"("table_name":"users","major_key":"id","partition_number":"2",)"
                    R"("partition_address":"{\"0\":[{\"address\":\"a:1\",\"info\":\"Leader\"},)"
                    R"({\"address\":\"b:1\",\"info\":\"Follower\"}],\"1\":[{\"address\":\"b:1\",\"info\":\"Leader\"}]}"})");
            } else if (*request == R"({"sql":"max_offset users"})") {
                peer.coded(-4, R"({"0":41,"1":-1})");
            } else if (*request == R"({"sql":"drop table users"})") {
                peer.error("TABLE_NOT_FOUND: table users does not exist; show_table lists them");
            } else {
                peer.done();
            }
        }
    });
    auto client = connected(server);
    EXPECT_EQ(*client.tables(), (std::vector<std::string>{"t1", "users"}));
    auto table = client.describe("users");
    ASSERT_TRUE(table.ok());
    EXPECT_EQ(table->key, "id");
    ASSERT_EQ(table->columns.size(), 2u);
    EXPECT_EQ(table->columns[0].config, "PRIMARY_KEY");
    EXPECT_EQ(table->columns[1].default_value, "x");
    EXPECT_EQ(table->partitions.at(0).leader, "a:1");
    EXPECT_EQ(table->partitions.at(0).followers, (std::vector<std::string>{"b:1"}));
    auto offsets = client.max_offset("users");
    ASSERT_TRUE(offsets.ok());
    EXPECT_EQ(*offsets, (std::map<std::uint32_t, std::int64_t>{{0, 41}, {1, -1}}));
    auto dropped = client.drop("users");
    ASSERT_FALSE(dropped.ok());
    EXPECT_EQ(dropped.error().code(), ErrorCode::table_not_found);
    EXPECT_TRUE(client.compress("users").ok());  // the connection stays usable
    EXPECT_EQ(client.describe("users; drop t1").error().code(), ErrorCode::invalid_argument);
    EXPECT_EQ(server.connections(), 1);
}

TEST(Client, CreateSaysAllOfTheTable) {
    std::promise<std::string> seen;
    FakeServer server([&](FakePeer& peer, int) {
        seen.set_value(*peer.read_frame());
        peer.done();
    });
    auto client = connected(server);
    TableSpec spec{.name = "t",
                   .columns = {{"id", "long"}, {"n", "string"}},
                   .key = "id",
                   .partitions = 3,
                   .not_null = {"n"},
                   .defaults = {{"n", std::string("a\"b")}}};
    ASSERT_TRUE(client.create(spec).ok());
    EXPECT_EQ(seen.get_future().get(),
              R"({"create":{"table_name":"t","col_type":{"id":"long","n":"string"},"partition_number":3,)"
              R"("major_key":"id","not_null":["n"],"default":{"n":"a\"b"}}})");
}

TEST(Client, SendsABatchAgainWithTheSameIdAfterALostConnection) {
    std::mutex mutex;
    std::vector<std::string> ids, bodies;
    FakeServer server([&](FakePeer& peer, int connection) {
        auto request = peer.read_frame();
        auto body = peer.read_frame();
        if (!request || !body) return;
        {
            std::lock_guard lock(mutex);
            ids.push_back(id_of(*request));
            bodies.push_back(*body);
        }
        if (connection == 0) return;  // closes without an answer
        if (connection == 1)
            return peer.error("UNKNOWN_OUTCOME: slave a:1 was lost; repeat with the batch id");
        peer.frame(R"({"meta":{"offsets":{"0":[7,7]}}})");
        peer.done();
    });
    auto client = connected(server);
    BatchBuilder batch("t", {"id"});
    ASSERT_TRUE(batch.add_row({std::int64_t{1}}).ok());
    auto sent = client.send(batch);
    ASSERT_TRUE(sent.ok()) << sent.error().to_text();
    EXPECT_EQ(sent->offsets.at(0), (std::pair<std::int64_t, std::int64_t>{7, 7}));
    ASSERT_EQ(ids.size(), 3u);
    EXPECT_FALSE(ids[0].empty());
    EXPECT_EQ(ids[0], ids[1]);
    EXPECT_EQ(ids[0], ids[2]);
    EXPECT_EQ(sent->producer_id + " 1", ids[0]);
    EXPECT_EQ(sent->sequence, 1u);
    EXPECT_EQ(sent->batch_id, "");
    EXPECT_EQ(bodies[0], bodies[2]);
    std::string plain;
    ASSERT_TRUE(snappy::Uncompress(bodies[0].data(), bodies[0].size(), &plain));
    EXPECT_EQ(plain, batch.encode());
}

TEST(Client, IsAProducerThatNumbersItsBatches) {
    std::mutex mutex;
    std::vector<std::string> ids;
    FakeServer server([&](FakePeer& peer, int) {
        while (auto request = peer.read_frame()) {
            {
                const std::lock_guard lock(mutex);
                ids.push_back(id_of(*request));
            }
            peer.frame(R"({"meta":{"offsets":{"0":[7,7]}}})");
            peer.done();
        }
    });
    const Row row = {{"id", Value(std::int64_t{1})}};
    auto client = connected(server), other = connected(server);
    auto first = client.insert("t", row);
    ASSERT_TRUE(first.ok()) << first.error().to_text();
    ASSERT_TRUE(client.remove("t", row).ok());
    ASSERT_TRUE(client.insert("t", row, {.batch_id = "mine"}).ok());
    auto kept = client.insert("t", row, {.producer_id = "p", .sequence = 40});
    ASSERT_TRUE(kept.ok());
    EXPECT_EQ(kept->producer_id, "p");
    EXPECT_EQ(kept->sequence, 40u);
    ASSERT_TRUE(client.insert("t", row).ok());
    auto of_other = other.insert("t", row);
    ASSERT_TRUE(of_other.ok());
    EXPECT_NE(of_other->producer_id, first->producer_id);
    const auto& own = first->producer_id;
    EXPECT_GE(own.size(), 32u);
    EXPECT_EQ(ids, (std::vector<std::string>{own + " 1", own + " 2", "mine", "p 40", own + " 3",
                                             of_other->producer_id + " 1"}));
    EXPECT_EQ(client.insert("t", row, {.producer_id = "p"}).error().code(), ErrorCode::invalid_argument);
    EXPECT_EQ(client.insert("t", row, {.sequence = 3}).error().code(), ErrorCode::invalid_argument);
    EXPECT_EQ(client.insert("t", row, {.batch_id = "b", .producer_id = "p", .sequence = 1}).error().code(),
              ErrorCode::invalid_argument);
    EXPECT_EQ(client.insert("t", row, {.producer_id = std::string(65, 'x'), .sequence = 1}).error().code(),
              ErrorCode::invalid_argument);
}

TEST(Client, NeverSendsAStatementWithoutBatchIdTwice) {
    std::atomic<int> requests{0};
    FakeServer server([&](FakePeer& peer, int) {
        if (peer.read_frame()) ++requests;
    });
    auto client = connected(server);
    auto reply = client.execute(R"({"insert":{"table_name":"t","crud":"insert","data":{"id":1}}})");
    ASSERT_FALSE(reply.ok());
    EXPECT_EQ(reply.error().code(), ErrorCode::connection_lost);
    EXPECT_EQ(reply.error().outcome(), Outcome::maybe_done);
    EXPECT_EQ(requests, 1);
}

// A first attempt that may have been done is not undone by a second one that could not even connect.
TEST(Client, KeepsTheWorseOutcomeOfItsAttempts) {
    auto server = std::make_unique<FakeServer>([](FakePeer& peer, int connection) {
        peer.read_frame();
        if (connection > 0) peer.error("UNAVAILABLE: slave a:1 cannot be reached");
    });
    auto options = quick();
    options.retry_for = 30ms;
    auto client = connected(*server, options);
    auto sent = client.insert("t", {{"id", std::int64_t{1}}});
    ASSERT_FALSE(sent.ok());
    EXPECT_EQ(sent.error().code(), ErrorCode::unavailable);
    EXPECT_EQ(sent.error().outcome(), Outcome::maybe_done);
}

TEST(Client, ReadsAgainAfterALostConnection) {
    FakeServer server([](FakePeer& peer, int connection) {
        if (!peer.read_frame() || connection == 0) return;
        peer.coded(-4, R"({"0":5})");
        peer.read_frame();
    });
    auto client = connected(server);
    auto offsets = client.max_offset("t");
    ASSERT_TRUE(offsets.ok()) << offsets.error().to_text();
    EXPECT_EQ(offsets->at(0), 5);
    EXPECT_EQ(server.connections(), 2);
}

TEST(Client, QueryGivesTypedRowsOneByOne) {
    std::promise<std::string> seen;
    FakeServer server([&](FakePeer& peer, int) {
        seen.set_value(*peer.read_frame());
        peer.frame(
            R"({"a":1,"b":"x\u003dy","c":null,"d":2.5,"e":true,"f":12345678901234567890,"g":[1,{"h":2}]})");
        peer.frame(R"({"a":-7,"b":"","c":"z","d":1e3,"e":false,"f":0,"g":null})");
        peer.frame(R"({"meta":{"rows":2}})");
        peer.done();
        peer.read_frame();
        peer.done();
    });
    auto client = connected(server);
    auto rows = client.query("select \"q\"", {.meta = true, .timeout_ms = 500, .min_offsets = {{0, 12}}});
    ASSERT_TRUE(rows.ok()) << rows.error().to_text();
    EXPECT_EQ(seen.get_future().get(),
              R"({"query":"select \"q\"","options":{"meta":true,"timeout_ms":500,"min_offsets":{"0":12}}})");
    EXPECT_EQ(rows->columns(), (std::vector<std::string>{"a", "b", "c", "d", "e", "f", "g"}));
    ASSERT_TRUE(*rows->next());
    EXPECT_EQ(rows->value(0), Value(std::int64_t{1}));
    EXPECT_EQ(rows->value(1), Value(std::string("x=y")));
    EXPECT_TRUE(rows->is_null(2));
    EXPECT_EQ(rows->value(3), Value(2.5));
    EXPECT_EQ(rows->value(4), Value(true));
    EXPECT_EQ(rows->value(5), Value(std::string("12345678901234567890")));
    EXPECT_EQ(rows->kind(6), CellKind::nested);
    EXPECT_EQ(rows->json(6), R"([1,{"h":2}])");
    ASSERT_TRUE(*rows->next());
    EXPECT_EQ(rows->int64(0), -7);
    EXPECT_EQ(rows->float64(3), 1000.0);
    EXPECT_FALSE(*rows->next());
    EXPECT_FALSE(*rows->next());
    EXPECT_EQ(rows->meta(), R"({"rows":2})");
    EXPECT_EQ(rows->rows(), 2u);
    EXPECT_TRUE(client.compress("t").ok());
}

TEST(Client, AnErrorAmongRowsAndOneInTheMiddle) {
    FakeServer server([](FakePeer& peer, int) {
        peer.read_frame();
        peer.frame(R"({"a":1})");
        peer.error("QUERY_ERROR: division by zero");
        peer.read_frame();
        peer.done();
    });
    auto client = connected(server);
    auto rows = client.query("select a");
    ASSERT_TRUE(rows.ok());
    ASSERT_TRUE(*rows->next());
    auto second = rows->next();
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code(), ErrorCode::query_error);
    auto empty = client.query("select b");
    ASSERT_TRUE(empty.ok());
    EXPECT_FALSE(*empty->next());
    EXPECT_EQ(server.connections(), 1);
}

TEST(Client, LeavingAResultEarlyDoesNotDisturbTheNextStatement) {
    FakeServer server([](FakePeer& peer, int) {
        while (auto request = peer.read_frame()) {
            if (request->find("query") != std::string::npos)
                for (int i = 0; i < 1000; ++i)
                    peer.frame(R"({"a":1})");
            peer.done();
        }
    });
    auto client = connected(server);
    {
        auto rows = client.query("select a from t");
        ASSERT_TRUE(rows.ok());
        ASSERT_TRUE(*rows->next());
        EXPECT_EQ(client.compress("t").error().code(), ErrorCode::invalid_argument);
    }
    EXPECT_TRUE(client.compress("t").ok());
    EXPECT_EQ(server.connections(), 2);
}

TEST(Client, CancelFromAnotherThreadEndsTheStatement) {
    std::atomic<bool> arrived{false};
    FakeServer server([&](FakePeer& peer, int connection) {
        while (peer.read_frame()) {
            arrived = true;
            if (connection > 0) peer.done();
        }
    });
    auto client = connected(server);
    client.cancel();  // nothing runs: no effect
    std::jthread canceller([&] {
        while (!arrived)
            std::this_thread::sleep_for(1ms);
        client.cancel();
    });
    auto done = client.compress("t");
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code(), ErrorCode::cancelled);
    EXPECT_EQ(done.error().outcome(), Outcome::maybe_done);
    canceller.join();
    EXPECT_TRUE(client.compress("t").ok());
}

TEST(Client, SilenceEndsInTimeout) {
    FakeServer server([](FakePeer& peer, int) {
        peer.read_frame();
        peer.code(100);  // a frame that never comes
        peer.read_frame();
    });
    auto options = quick();
    options.timeout = 50ms;
    auto client = connected(server, options);
    auto done = client.compress("t");
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code(), ErrorCode::timeout);
}

TEST(Client, RefusesFramesBeyondItsLimit) {
    FakeServer server([](FakePeer& peer, int) {
        peer.read_frame();
        peer.code(0x7fffffff);
        peer.read_frame();
    });
    auto client = connected(server);
    auto reply = client.execute(R"({"query":"select 1"})");
    ASSERT_FALSE(reply.ok());
    EXPECT_EQ(reply.error().code(), ErrorCode::protocol_error);
}

TEST(Client, SaysThatASlaveIsNoMaster) {
    FakeServer server([](FakePeer& peer, int) {
        peer.read_frame();
        peer.code(-1795162112);
        peer.read_frame();
    });
    auto client = connected(server);
    auto reply = client.execute(R"({"query":"select 1"})");
    ASSERT_FALSE(reply.ok());
    EXPECT_EQ(reply.error().code(), ErrorCode::protocol_error);
    EXPECT_NE(reply.error().message().find("name the address of the master, not of a slave"),
              std::string::npos);
}

TEST(Client, AServerThatRefusesAFrameByItsLengthIsHeard) {
    FakeServer server([](FakePeer& peer, int) {
        peer.read_bytes(4);
        peer.error("LIMIT_EXCEEDED: frame of 16000000 bytes");
    });
    auto client = connected(server);
    auto reply = client.execute("{\"sql\":\"" + std::string(16000000, 'x') + "\"}");
    ASSERT_FALSE(reply.ok());
    EXPECT_EQ(reply.error().code(), ErrorCode::limit_exceeded) << reply.error().to_text();
}

}  // namespace
}  // namespace datalake
