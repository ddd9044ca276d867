#include <snappy.h>

#include "common/record/columnar_frame.h"
#include "tests/unit/slave/handlers/handlers_fixture.h"

namespace dl::slave {
namespace {

std::uint32_t rows_of_frame(const SharedBytes& frame) {
    std::string plain;
    EXPECT_TRUE(snappy::Uncompress(reinterpret_cast<const char*>(frame.data()), frame.size(), &plain));
    return load_le<std::uint32_t>(plain.data());
}

TEST_F(HandlersTest, ReadGivesExactlyReadCountFromEachPartition) {
    for (int i = 0; i < 10; ++i)
        registry_.fake(1, 0)->append_rows(i * 100, 100);
    registry_.fake(1, 2)->append_rows(0, 30);
    const auto read = [&](const std::string& partitions, int count, const std::string& format = "rows") {
        return *call(Method::read, "{\"table_id\":1,\"schema_id\":1,\"partitions\":[" + partitions +
                                       "],\"read_count\":" + std::to_string(count) + ",\"format\":\"" +
                                       format + "\",\"bytes_max\":67108864}");
    };
    auto reply = read(position(0, 150) + "," + position(2, -5) + "," + position(3, 0), 333);
    ASSERT_EQ(reply.data.size(), 2u);
    EXPECT_EQ(rows_of_frame(reply.data[0]), 333u);
    EXPECT_EQ(rows_of_frame(reply.data[1]), 30u);
    EXPECT_EQ(
        reply.end_json,
        R"({"partitions":[{"partition":0,"next":483},{"partition":2,"next":30},{"partition":3,"next":0}]})");
    reply = read(position(0, 1000), 10);
    EXPECT_EQ(reply.data.size(), 0u);
    EXPECT_EQ(reply.end_json, R"({"partitions":[{"partition":0,"next":1000}]})");

    reply = read(position(0, 98), 3, "json");
    ASSERT_EQ(reply.data.size(), 3u);
    EXPECT_TRUE(contains(std::string(reply.data[2].view()), "\"offset\":100")) << reply.data[2].view();

    reply = read(position(0, 150), 100, "columnar");
    ASSERT_EQ(reply.data.size(), 3u);
    EXPECT_EQ(reply.data[0].view(), columnar_schema_frame(*(*registry_.table(TableId{1}))));
    std::uint32_t rows = 0;
    for (std::size_t i = 1; i < reply.data.size(); ++i) {
        const auto frame = decode_columnar_frame(reply.data[i]);
        ASSERT_TRUE(frame.has_value()) << frame.error().to_text();
        if (i == 1) {
            EXPECT_EQ(frame->offset_of(frame->first_row), 150);
        }
        rows += frame->end_row - frame->first_row;
    }
    EXPECT_EQ(rows, 100u);
    EXPECT_TRUE(contains(
        error_of(
            Method::read,
            R"({"table_id":1,"schema_id":1,"partitions":[],"read_count":1,"format":"xml","bytes_max":1})"),
        "'xml' is not one of rows, json, columnar"));
}

// The limit cuts at a record, never to nothing, and reading on from "next" gives every record once.
TEST_F(HandlersTest, ByteLimitCutsAtARecordAndReadingOnLosesNothing) {
    for (int i = 0; i < 5; ++i)
        registry_.fake(1, 0)->append_rows(i * 200, 200, 1000);
    registry_.fake(1, 1)->append_rows(0, 7, 100000);
    for (const std::string format : {"rows", "json"}) {
        for (const int limit : {1, 5000, 300000}) {
            Offset next[2] = {0, 0};
            std::uint64_t rows = 0;
            for (int round = 0; round < 3000 && (next[0] < 1000 || next[1] < 7); ++round) {
                const auto reply = call(Method::read, "{\"table_id\":1,\"schema_id\":1,\"partitions\":[" +
                                                          position(0, next[0]) + "," + position(1, next[1]) +
                                                          "],\"read_count\":100000,\"format\":\"" + format +
                                                          "\",\"bytes_max\":" + std::to_string(limit) + "}");
                ASSERT_TRUE(reply.has_value()) << reply.error().to_text();
                std::size_t bytes = 0;
                for (const auto& frame : reply->data) {
                    rows += format == "rows" ? rows_of_frame(frame) : 1;
                    bytes += frame.size();
                }
                EXPECT_LE(bytes, static_cast<std::size_t>(limit) + 2 * 4096 + 210000);
                const auto end = rpc::decode_reply<rpc::ReadReply>(reply->end_json);
                ASSERT_TRUE(end.has_value()) << end.error().to_text();
                next[0] = end->partitions.at(0).next;
                next[1] = end->partitions.at(1).next;
            }
            EXPECT_EQ(rows, 1007u) << format << " " << limit;
        }
    }
}

TEST_F(HandlersTest, APositionBeyondTheEndIsRefusedWhenTheReaderAsks) {
    registry_.fake(1, 0)->append_rows(0, 5);
    const auto read = [&](Offset offset, const std::string& check) {
        const auto reply = call(
            Method::read, "{\"table_id\":1,\"schema_id\":1,\"partitions\":[" + position(0, offset) +
                              "],\"read_count\":9,\"format\":\"rows\"," + "\"bytes_max\":1000" + check + "}");
        return reply.has_value() ? reply->end_json : reply.error().to_text();
    };
    const std::string check = ",\"check_end\":true";
    EXPECT_EQ(read(6, ""), R"({"partitions":[{"partition":0,"next":6}]})");
    EXPECT_EQ(read(5, check), R"({"partitions":[{"partition":0,"next":5}]})");
    EXPECT_NE(read(6, check).find("OFFSET_OUT_OF_RANGE: partition 0"), std::string::npos) << read(6, check);
    // Also by who waits for more, at once.
    const auto wait = "{\"table_id\":1,\"partitions\":[" + position(0, 6) +
                      "],\"min_rows\":1,\"wait_ms\":20000" + check + "}";
    EXPECT_TRUE(error_of(Method::wait, wait).starts_with("OFFSET_OUT_OF_RANGE"))
        << error_of(Method::wait, wait);
}

TEST_F(HandlersTest, OffsetsAreTakenByTime) {
    registry_.fake(1, 0)->append_rows(0, 5);
    const auto offsets = [&](const std::string& since) {
        const auto reply =
            call(Method::offsets, "{\"table_id\":1,\"partitions\":[" +
                                      rpc::encode(rpc::PartitionEpoch{PartitionId{0}, LeaderEpoch{1}}) + "]" +
                                      since + "}");
        return reply.has_value() ? reply->end_json : reply.error().to_text();
    };
    EXPECT_EQ(offsets(""), R"({"partitions":[{"partition":0,"first":0,"history":0,"end":5}]})");
    EXPECT_EQ(offsets(",\"since_us\":3"),
              R"({"partitions":[{"partition":0,"first":0,"history":0,"end":5,"since":3}]})");
    EXPECT_TRUE(offsets(",\"since_us\":-1").starts_with("IO_ERROR"));
}

TEST_F(HandlersTest, WaitReturnsWhenRecordsComeOrTimeIsOver) {
    const auto wait = [&](int rows, int ms) {
        return call(Method::wait, "{\"table_id\":1,\"partitions\":[" + position(0, 0) + "," + position(1, 0) +
                                      "],\"min_rows\":" + std::to_string(rows) +
                                      ",\"wait_ms\":" + std::to_string(ms) + "}")
            ->end_json;
    };
    EXPECT_EQ(wait(1, 20), "{\"available\":0}");
    EXPECT_EQ(wait(0, 20000), "{\"available\":0}");
    std::thread writer([&] {
        std::this_thread::sleep_for(30ms);
        registry_.fake(1, 1)->append_rows(0, 2);
        std::this_thread::sleep_for(30ms);
        registry_.fake(1, 0)->append_rows(0, 3);
    });
    EXPECT_EQ(wait(5, 20000), "{\"available\":5}");
    writer.join();
    EXPECT_EQ(wait(5, 20000), "{\"available\":5}");
    EXPECT_EQ(registry_.fake(1, 0)->waiters(), 0u);
}

TEST_F(HandlersTest, ALongPollEndsWhenItsTableIsDropped) {
    auto waiting =
        std::async(std::launch::async, [&] { return error_of(Method::wait, wait_request(0, 1, 20000)); });
    EXPECT_TRUE(eventually([&] { return registry_.fake(1, 0)->waiters() == 1; }));
    const auto pin =
        R"({"tables":[{"table_id":1,"table":"t1","schema_id":1,"partitions":[{"partition":1,"leader_epoch":1,)"
        R"("min_offset":4}]}],"lease_ms":1000})";
    auto pinning = std::async(std::launch::async, [&] { return error_of(Method::pin, pin); });
    EXPECT_TRUE(eventually([&] { return registry_.fake(1, 1)->waiters() == 1; }));
    const auto held = registry_.fake(1, 0), also_held = registry_.fake(1, 1);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(call(Method::drop_table, R"({"table_id":1})")->end_json, "{}");
    EXPECT_EQ(waiting.get(), "TABLE_NOT_FOUND: table 't1' was dropped meanwhile");
    EXPECT_EQ(pinning.get(), "TABLE_NOT_FOUND: table 't1' was dropped meanwhile");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
    EXPECT_EQ(error_of(Method::wait, wait_request(0, 1, 20000)),
              "TABLE_NOT_FOUND: table 't1' is not on this slave");
}

TEST_F(HandlersTest, ManyWaitersAreWokenTogether) {
    net::raise_file_limit();
    constexpr int kWaiters = 1000;
    std::vector<std::future<std::string>> waiting;
    for (int i = 0; i < kWaiters; ++i)
        waiting.push_back(asio::co_spawn(
            pool_.executor_of(1),
            [&]() -> asio::awaitable<std::string> {
                auto reply =
                    co_await client_->call(Method::wait, wait_request(3, 1, 20000), {}, in_ms(25000));
                co_return reply.has_value() ? reply->end_json : reply.error().to_text();
            },
            asio::use_future));
    EXPECT_TRUE(eventually([&] { return registry_.fake(1, 3)->waiters() == kWaiters; }));
    registry_.fake(1, 3)->append_rows(0, 1);
    for (auto& one : waiting)
        EXPECT_EQ(one.get(), "{\"available\":1}");
}

}  // namespace
}  // namespace dl::slave
