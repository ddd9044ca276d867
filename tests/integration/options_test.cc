// The opt-in extensions of docs/protocol.md, 2.3.
#include <gmock/gmock.h>

#include <thread>

#include "tests/support/cluster_fixture.h"

namespace dl::test {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

class OptionsTest : public ClusterTest {
  protected:
    void SetUp() override {
        start();
        auto client = connect();
        must(client, sql("create table t(id int primary key, name string) partition.number = 2"));
    }
    static std::string with_options(std::string statement, const std::string& options) {
        statement.pop_back();
        return statement + ",\"options\":" + options + "}";
    }
    static std::string batch(int from, int to) {
        auto data = json::array();
        for (int i = from; i < to; ++i)
            data.push_back({{"id", i}, {"name", "n" + std::to_string(i)}});
        return json{{"batch_insert", {{"table_name", "t"}, {"data", data}}}}.dump();
    }
};

TEST_F(OptionsTest, BatchIdIsAppliedOnceAlsoAfterRestart) {
    auto client = connect();
    const auto statement = with_options(batch(0, 20), R"({"batch_id":"order-1","meta":true})");
    const auto first = must(client, statement);
    const auto offsets = [](const Reply& reply) {
        return json::parse(reply.frames.at(0))["meta"]["offsets"];
    };
    EXPECT_EQ(offsets(must(client, statement)), offsets(first)) << "a repeat answers as the first did";
    cluster().slave().kill_hard();
    cluster().start();
    cluster().wait_serving("t");
    auto again = connect();
    const auto repeat = must(again, statement);
    EXPECT_EQ(offsets(repeat), offsets(first));
    EXPECT_EQ(stream(again, "t").size(), 20u);
    must(again, with_options(batch(0, 20), R"({"batch_id":"order-2"})"));
    EXPECT_EQ(stream(again, "t").size(), 40u);
}

TEST_F(OptionsTest, BatchesOfAProducerAreAppliedOnceAndOldOnesRefused) {
    auto client = connect();
    const auto numbered = [](int from, int to, int number) {
        return with_options(batch(from, to),
                            R"({"producer_id":"p","meta":true,"sequence":)" + std::to_string(number) + "}");
    };
    const auto offsets = [](const Reply& reply) {
        return json::parse(reply.frames.at(0))["meta"]["offsets"];
    };
    const auto second = must(client, numbered(0, 20, 2));
    const auto first = must(client, numbered(20, 40, 1));
    EXPECT_EQ(offsets(must(client, numbered(0, 20, 2))), offsets(second));
    cluster().slave().kill_hard();
    cluster().start();
    cluster().wait_serving("t");
    auto again = connect();
    EXPECT_EQ(offsets(must(again, numbered(20, 40, 1))), offsets(first));
    EXPECT_EQ(stream(again, "t").size(), 40u);
    for (int number = 3; number < 40; ++number)
        must(again, numbered(0, 20, number));
    must_fail(again, numbered(20, 40, 1), "BATCH_ID_EXPIRED");
    EXPECT_EQ(stream(again, "t").size(), 40u + 37 * 20u);
    // The columnar form does not say whose they were; an id of the same text is another one.
    must(again, with_options(batch(0, 1), R"({"batch_id":"p"})"));
    EXPECT_EQ(stream(again, "t").size(), 40u + 37 * 20u + 1);
}

TEST_F(OptionsTest, MetaTellsOffsetsOfAnInsertAndTheCutOfAQuery) {
    auto client = connect();
    const auto reply = must(client, with_options(batch(0, 30), R"({"meta":true})"));
    ASSERT_EQ(reply.frames.size(), 1u);
    const auto offsets = json::parse(reply.frames[0])["meta"]["offsets"];
    std::int64_t written = 0;
    for (const auto& [partition, range] : offsets.items())
        written += range[1].get<std::int64_t>() - range[0].get<std::int64_t>() + 1;
    EXPECT_EQ(written, 30);
    const auto result = must(client, with_options(query("select id from t limit 3"), R"({"meta":true})"));
    ASSERT_EQ(result.frames.size(), 4u);
    const auto meta = json::parse(result.frames[3])["meta"];
    EXPECT_EQ(meta["rows"], 3);
    EXPECT_TRUE(meta.contains("offsets") && meta.contains("elapsed_ms"));
}

TEST_F(OptionsTest, AsOfShowsTheTableOfThen) {
    auto client = connect();
    must(client, batch(0, 20));
    const auto then = max_offsets(client, "t");
    const json cut{{"0", then.at(0) + 1}, {"1", then.at(1) + 1}};
    must(client, batch(10, 40));
    const auto count = [&](const json& as_of) {
        const auto reply = must(client, with_options(query("select count(*) as n from t"),
                                                     json{{"as_of", as_of}, {"meta", true}}.dump()));
        return std::pair(json::parse(reply.frames.at(0))["n"], json::parse(reply.frames.at(1))["meta"]);
    };
    const auto [rows_then, meta] = count(cut);
    EXPECT_EQ(rows_then, 20);
    EXPECT_EQ(meta["offsets"]["t"], cut);
    EXPECT_EQ(meta["behind"]["t"], 30);
    EXPECT_EQ(count(json{{"0", 0}, {"1", 0}}).first, 0);
    const auto ask = [](const json& options) {
        return with_options(query("select count(*) from t"), options.dump());
    };
    EXPECT_THAT(must_fail(client, ask({{"as_of", {{"0", 1}}}}), "INVALID_REQUEST"),
                ::testing::HasSubstr("it lacks 1"));
    must_fail(client, ask({{"as_of", {{"0", 1}, {"1", 1}, {"2", 1}}}}), "PARTITION_NOT_FOUND");
    must_fail(client, ask({{"as_of", cut}, {"min_offsets", {{"0", 1}}}}), "INVALID_REQUEST");
    must_fail(client, ask({{"as_of", json::array({1})}}), "INVALID_REQUEST");
    must_fail(client, ask({{"as_of", {{"0", 1000}, {"1", 1}}}, {"timeout_ms", 200}}), "TIMEOUT");
    must_fail(client,
              with_options(query("select 1 from t a, t b, t c limit 0"), json{{"as_of", {{"0", 1}}}}.dump()),
              "INVALID_REQUEST");
}

TEST_F(OptionsTest, MinOffsetsWaitOrTimeOut) {
    auto client = connect();
    must(client, batch(0, 10));
    const auto started = steady_clock::now();
    must_fail(client,
              with_options(query("select count(*) from t"), R"({"min_offsets":{"0":1000},"timeout_ms":300})"),
              "TIMEOUT");
    EXPECT_GE(steady_clock::now() - started, milliseconds(250));
    EXPECT_LT(steady_clock::now() - started, std::chrono::seconds(20));
    const auto offsets = max_offsets(client, "t");
    must(client, with_options(query("select count(*) from t"),
                              json{{"min_offsets", {{"0", offsets.at(0) + 1}, {"1", offsets.at(1) + 1}}},
                                   {"timeout_ms", 30000}}
                                  .dump()));
}

TEST_F(OptionsTest, JsonFormatOfStreamRead) {
    auto client = connect();
    must(client, batch(0, 5));
    must(client, R"({"insert":{"table_name":"t","crud":"delete","data":{"id":3}}})");
    const auto reply =
        must(client, with_options(R"({"stream_read":{"table_name":"t","patition_mess":[],"read_count":100}})",
                                  R"({"format":"json"})"));
    ASSERT_EQ(reply.frames.size(), 6u);
    int deletes = 0;
    for (const auto& frame : reply.frames) {
        const auto record = json::parse(frame);
        for (const char* field :
             {"table_name", "major_key", "crud", "partition_code", "offset", "timestamp", "data"})
            EXPECT_TRUE(record.contains(field)) << field;
        EXPECT_TRUE(record["data"]["id"].is_number()) << "typed";
        deletes += record["crud"] == "delete";
    }
    EXPECT_EQ(deletes, 1);
}

TEST_F(OptionsTest, LongPollReturnsAsSoonAsARecordIsThere) {
    auto client = connect();
    const auto poll = with_options(
        R"({"stream_read":{"table_name":"t","patition_mess":[{"patition_code":0,"offset":0},{"patition_code":1,"offset":0}],"read_count":10}})",
        R"({"max_wait_ms":60000})");
    const auto started = steady_clock::now();
    std::thread later([&] {
        std::this_thread::sleep_for(milliseconds(300));
        auto writer = connect();
        writer.request(batch(1, 2));
    });
    const auto reply = must(client, poll);
    const auto waited = steady_clock::now() - started;
    later.join();
    EXPECT_EQ(reply.frames.size(), 1u);
    EXPECT_GE(waited, milliseconds(250));
    EXPECT_LT(waited, std::chrono::seconds(30)) << "it did not wait to the end";
}

TEST_F(OptionsTest, LongPollOfATableThatIsDroppedEndsAtOnceWithItsName) {
    auto poller = connect(), other = connect();
    const auto started = steady_clock::now();
    poller.send_frame(with_options(R"({"stream_read":{"table_name":"t","patition_mess":[],"read_count":10}})",
                                   R"({"max_wait_ms":60000})"));
    std::this_thread::sleep_for(milliseconds(500));  // until it waits
    must(other, sql("drop t"));
    const auto reply = poller.read_reply();
    EXPECT_FALSE(reply.ok());
    EXPECT_EQ(reply.text, "TABLE_NOT_FOUND: table 't' was dropped meanwhile");
    EXPECT_LT(steady_clock::now() - started, std::chrono::seconds(30)) << "it did not wait to the end";
}

TEST_F(OptionsTest, LongPollIsEmptyWhenNothingComes) {
    auto client = connect();
    const auto started = steady_clock::now();
    const auto reply =
        must(client, with_options(R"({"stream_read":{"table_name":"t","patition_mess":[],"read_count":10}})",
                                  R"({"max_wait_ms":400})"));
    EXPECT_TRUE(reply.frames.empty());
    EXPECT_GE(steady_clock::now() - started, milliseconds(350));
}

TEST_F(OptionsTest, LongPollWaitsForMinRows) {
    auto client = connect();
    must(client, batch(0, 3));
    std::thread later([&] {
        std::this_thread::sleep_for(milliseconds(300));
        auto writer = connect();
        writer.request(batch(3, 10));
    });
    std::size_t records = 0;
    for (
        const auto& frame :
        must(
            client,
            with_options(
                R"({"stream_read":{"table_name":"t","patition_mess":[{"patition_code":0,"offset":0},{"patition_code":1,"offset":0}],"read_count":10}})",
                R"({"max_wait_ms":60000,"min_rows":8})"))
            .frames)
        records += decode_stream_frame(frame).size();
    later.join();
    EXPECT_GE(records, 8u);
}

// A slave has a thread or two for all its connections: one that goes round with such a read is one that is
// gone.
TEST_F(OptionsTest, APositionAtTheEndOfAllNumbersWaitsLikeAnyOther) {
    auto client = connect();
    must(client, batch(0, 10));
    for (const char* min_rows : {"1", "2", "5", "9223372036854775807"})
        for (
            const char* positions :
            {R"([{"patition_code":0,"offset":9223372036854775807}])",
             R"([{"patition_code":0,"offset":9223372036854775806},{"patition_code":1,"offset":9223372036854775807}])"}) {
            const auto started = steady_clock::now();
            const auto reply =
                must(client, with_options(R"({"stream_read":{"table_name":"t","patition_mess":)" +
                                              std::string(positions) + R"(,"read_count":10}})",
                                          R"({"max_wait_ms":200,"min_rows":)" + std::string(min_rows) + "}"));
            EXPECT_TRUE(reply.frames.empty());
            EXPECT_LT(steady_clock::now() - started, milliseconds(20'000)) << min_rows << ' ' << positions;
        }
    must(client, batch(10, 20));
    EXPECT_EQ(value(client, "select count(*) from t"), 20);
}

TEST_F(OptionsTest, UnknownOptionsAndWrongTypesAreRefused) {
    auto client = connect();
    EXPECT_THAT(must_fail(client, with_options(query("select 1"), R"({"timout_ms":5})"), "INVALID_REQUEST"),
                ::testing::HasSubstr("timeout_ms"));
    must_fail(client, with_options(query("select 1"), R"({"timeout_ms":"soon"})"), "INVALID_REQUEST");
    must_fail(client, with_options(batch(0, 1), "{\"batch_id\":\"" + std::string(65, 'x') + "\"}"),
              "INVALID_REQUEST");
}

TEST_F(OptionsTest, TimeoutEndsALongQuery) {
    auto client = connect();
    must(client, batch(0, 1000));
    const auto started = steady_clock::now();
    must_fail(
        client,
        with_options(query("select count(*) from t a, t b, t c, t d where a.id + b.id + c.id + d.id = 17"),
                     R"({"timeout_ms":500})"),
        "TIMEOUT");
    EXPECT_LT(steady_clock::now() - started, std::chrono::seconds(30));
    EXPECT_EQ(value(client, "select count(*) from t"), 1000) << "the connection and the slave go on";
}

}  // namespace
}  // namespace dl::test
