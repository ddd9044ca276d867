// The log and the table are one thing: upserts and deletes at once visible, reads by offset, compaction
// online.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "tests/support/cluster_fixture.h"
#include "tests/support/workload.h"

namespace dl::test {
namespace {

using nlohmann::json;

class TableTest : public ClusterTest {};

std::string numbered_batch(const std::string& table, int from, int to, const std::string& text) {
    auto data = json::array();
    for (int i = from; i < to; ++i)
        data.push_back({{"id", i}, {"v", text}});
    return json{{"batch_insert", {{"table_name", table}, {"data", data}}}}.dump();
}

TEST_F(TableTest, UpsertAndDeleteAreVisibleToTheNextStatementOfAnyConnection) {
    start();
    auto writer = connect(), reader = connect();
    must(writer, sql("create table t(id int primary key, v string, n int) partition.number = 3"));
    for (int i = 0; i < 200; ++i) {
        const auto id = std::to_string(i % 20), text = "v" + std::to_string(i);
        must(writer, R"({"insert":{"table_name":"t","crud":"insert","data":{"id":)" + id + R"(,"v":")" +
                         text + "\"}}}");
        ASSERT_EQ(value(reader, "select v from t where id = " + id), text);
        if (i % 7 == 0) {
            must(writer, R"({"insert":{"table_name":"t","crud":"delete","data":{"id":)" + id + "}}}");
            ASSERT_TRUE(rows(reader, "select * from t where id = " + id).empty());
        }
    }
    must(writer, R"({"insert":{"table_name":"t","crud":"insert","data":{"id":1,"n":5}}})");
    EXPECT_EQ(rows(reader, "select * from t where id = 1").at(0), (json{{"id", 1}, {"v", nullptr}, {"n", 5}}))
        << "the whole row is replaced";
    must(writer, R"({"insert":{"table_name":"t","crud":"delete","data":{"id":777}}})");
    EXPECT_EQ(stream(reader, "t").size(), 200u + 29u + 2u) << "a delete of a missing key is recorded";
}

TEST_F(TableTest, OrderWithinABatchCounts) {
    start();
    auto client = connect();
    must(client, sql("create table t(id int primary key, v string)"));
    must(
        client,
        R"({"batch_insert":{"table_name":"t","data":[{"id":1,"v":"a"},{"id":1,"crud":"delete"},{"id":1,"v":"b"},)"
        R"({"id":2,"v":"x"},{"id":2,"crud":"delete"}]}})");
    EXPECT_THAT(must(client, query("select * from t")).frames, ::testing::ElementsAre(R"({"id":1,"v":"b"})"));
    const auto records = stream(client, "t");
    ASSERT_EQ(records.size(), 5u);
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(records[static_cast<std::size_t>(i)].offset, i);
    EXPECT_EQ(records[1].crud, "delete");
}

TEST_F(TableTest, StreamReadRules) {
    start({.slave_properties = {{"slave.file.segment.bytes", "65536"}}});
    auto client = connect();
    must(client, sql("create table t(id int primary key, v string) partition.number = 2"));
    for (int i = 0; i < 60; ++i)
        must(client,
             numbered_batch("t", i * 100, i * 100 + 100, "some text to fill segments " + std::to_string(i)));
    const auto last = max_offsets(client, "t");
    EXPECT_EQ(last.at(0) + last.at(1) + 2, 6000);

    for (const std::int64_t count : {1, 2, 7, 1000}) {
        const auto records = stream(client, "t", {{0, 5}, {1, 0}}, count);
        std::map<int, std::vector<std::int64_t>> offsets;
        for (const auto& record : records)
            offsets[record.partition].push_back(record.offset);
        EXPECT_EQ(offsets[0].size(), static_cast<std::size_t>(count))
            << "read_count is per partition and exact";
        EXPECT_EQ(offsets[1].size(), static_cast<std::size_t>(count));
        for (std::size_t i = 0; i < offsets[0].size(); ++i)
            ASSERT_EQ(offsets[0][i], 5 + static_cast<std::int64_t>(i));
    }
    EXPECT_EQ(stream(client, "t", {{1, last.at(1)}}, 10).size(), 1u)
        << "the newest record is returned like any other";
    EXPECT_TRUE(stream(client, "t", {{1, last.at(1) + 1}}, 10).empty());
    EXPECT_TRUE(stream(client, "t", {{1, 1'000'000'000'000}}, 10).empty());
    EXPECT_EQ(stream(client, "t", {{0, -5}}, 3).front().offset, 0)
        << "below the first record starts at the first";
    for (const auto& record : stream(client, "t", {{1, 0}}, 100))
        ASSERT_EQ(record.partition, 1) << "only what was asked for";
    EXPECT_EQ(stream(client, "t", {}, 100'000).size(), 6000u)
        << "an empty list means everything, across segments";
    must_fail(
        client,
        R"({"stream_read":{"table_name":"t","patition_mess":[{"patition_code":9,"offset":0}],"read_count":1}})",
        "PARTITION_NOT_FOUND");
    EXPECT_FALSE(
        client.request(R"({"stream_read":{"table_name":"t","patition_mess":[],"read_count":0}})").ok());
    must(
        client,
        R"({"stream_read":{"table_name":"t","partition_mess":[{"partition_code":0,"offset":0}],"read_count":1}})");
}

TEST_F(TableTest, CompressKeepsTheNewestOfEachKeyWithItsOffset) {
    start({.slave_properties = {{"slave.file.segment.bytes", "65536"}}});
    auto client = connect();
    must(client, sql("create table t(id int primary key, v string)"));
    for (int round = 0; round < 30; ++round)
        must(client, numbered_batch("t", 0, 300, "round " + std::to_string(round)));
    must(client, R"({"batch_insert":{"table_name":"t","data":[{"id":5,"crud":"delete"}]}})");
    for (int round = 0; round < 30; ++round)
        must(client, numbered_batch("t", 1000, 1300, "later " + std::to_string(round)));

    std::map<std::int64_t, std::string> before;  // offset -> key
    for (const auto& record : stream(client, "t", {{0, 0}}, 100'000))
        before[record.offset] = record.key;
    const auto last = max_offsets(client, "t");
    must(client, R"({"compress_table":"t"})");
    EXPECT_EQ(max_offsets(client, "t"), last);
    const auto after = stream(client, "t", {{0, 0}}, 100'000);
    EXPECT_LT(after.size(), before.size() / 2);
    std::int64_t previous = -1;
    for (const auto& record : after) {
        ASSERT_GT(record.offset, previous);
        previous = record.offset;
        ASSERT_EQ(before.at(record.offset), record.key);
    }
    EXPECT_EQ(previous, last.at(0));
    EXPECT_EQ(value(client, "select count(*) from t"), 599);
    EXPECT_EQ(value(client, "select count(*) from t where v = 'round 29'"), 299);
    const auto hole = after.front().offset > 0 ? 0 : after.front().offset + 1;
    EXPECT_GE(stream(client, "t", {{0, hole}}, 1).at(0).offset, hole)
        << "an offset in a hole continues at the next record";
}

// Under load: writers, a consumer and queries see nothing half done, offsets keep their records.
TEST_F(TableTest, CompressWhileWritingAndReading) {
    start({.slave_properties = {{"slave.file.segment.bytes", "65536"}}});
    Workload load(cluster().port(), {.writers = 2, .partitions = 2, .keys_per_writer = 200});
    load.create_table();
    load.start();
    auto client = connect();
    for (int i = 0; i < 8; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(250));
        must(client, R"({"compress_table":"w"})");
        // Two sums over one cut must agree whatever goes on.
        const auto row =
            rows(client, "select (select count(*) from w) - (select count(distinct id) from w) as d").at(0);
        EXPECT_EQ(row["d"], 0) << "each key once";
    }
    EXPECT_TRUE(wait_until(std::chrono::seconds(60), [&] { return load.acknowledged_batches() > 20; }));
    load.stop();
    EXPECT_EQ(load.verify(true), "");
}

TEST_F(TableTest, ParallelWritersBinaryAndJson) {
    start();
    Workload text(cluster().port(), {.table = "a", .writers = 3, .seed = 7});
    Workload binary(cluster().port(), {.table = "b", .writers = 3, .binary = true, .seed = 8});
    text.create_table();
    binary.create_table();
    text.start();
    binary.start();
    std::this_thread::sleep_for(std::chrono::seconds(2));
    EXPECT_TRUE(wait_until(std::chrono::seconds(60), [&] {
        return text.acknowledged_batches() > 50 && binary.acknowledged_batches() > 50;
    }));
    text.stop();
    binary.stop();
    EXPECT_EQ(text.unknown_batches() + binary.unknown_batches(), 0u);
    EXPECT_EQ(text.verify(), "");
    EXPECT_EQ(binary.verify(), "");
}

}  // namespace
}  // namespace dl::test
