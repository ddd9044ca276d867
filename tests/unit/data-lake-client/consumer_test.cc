#include "datalake/consumer.h"

#include <gtest/gtest.h>
#include <snappy.h>

#include <mutex>
#include <thread>

#include "common/base/crc32c.h"
#include "common/record/columnar_frame.h"
#include "data-lake-client/src/consumer_impl.h"
#include "data-lake-client/src/json_text.h"
#include "datalake/client.h"
#include "tests/unit/data-lake-client/fake_server.h"

namespace datalake {
namespace {

using test::FakePeer;
using test::FakeServer;
using namespace std::chrono_literals;

constexpr std::string_view kDescribe =
    R"({"id":"{\"datatype\":\"int\",\"column_config\":\"PRIMARY_KEY\"}","table_name":"t1","major_key":"id",)"
    R"("partition_number":"2","partition_address":"{\"0\":[{\"address\":\"a:1\",\"info\":\"Leader\"}],)"
    R"(\"1\":[{\"address\":\"a:1\",\"info\":\"Leader\"}]}"})";

constexpr std::string_view kMeta = R"({"meta":{"next":{},"compacted":{},"table_id":"77","elapsed_ms":0}})";

// Answers what a consumer asks before it reads; false: it is something else.
bool answer_open(FakePeer& peer, const std::string& request) {
    if (request.find("desc") != std::string::npos) {
        peer.coded(-3, kDescribe);
        return true;
    }
    if (request.find("show offsets t1") == std::string::npos) return false;
    const std::string since = request.find("since '2024-01-31'") == std::string::npos ? "null" : "8";
    for (const auto* partition : {"0", "1"})
        peer.frame(std::string("{\"partition\":") + partition +
                   ",\"first_offset\":2,\"history_offset\":4,\"last_offset\":9,\"since_offset\":" + since +
                   ",\"table_id\":\"77\"}");
    peer.done();
    return true;
}

std::string text(std::string_view value) {
    std::string out;
    dl::append_string(out, value);
    return out;
}
template <class T>
std::string number(T value) {
    std::string out;
    dl::append_le(out, value);
    return out;
}

// Two records of partition `partition` in the default format, one of them a delete, from `offset` on.
std::string rows_frame(std::int32_t partition, std::int64_t offset) {
    const auto plain = number<std::int32_t>(2) + text("t1") + text("1") + number<std::int32_t>(2) +
                       text("id") + text("1") + text("name") + text("ab") + text("insert") +
                       number(partition) + number(offset) + text("t1") + text("2") + number<std::int32_t>(2) +
                       text("name") + text("/~|") + text("id") + text("2") + text("delete") +
                       number(partition) + number(offset + 1);
    std::string packed;
    snappy::Compress(plain.data(), plain.size(), &packed);
    return packed;
}

TEST(RecordBatch, DecodesTheDefaultFormat) {
    auto batch = decode_rows_batch(rows_frame(1, 40));
    ASSERT_TRUE(batch.ok()) << batch.error().to_text();
    EXPECT_EQ(batch->partition(), 1u);
    ASSERT_EQ(batch->rows(), 2u);
    EXPECT_EQ(batch->offset(1), 41);
    EXPECT_EQ(batch->operation(0), Operation::insert);
    EXPECT_EQ(batch->operation(1), Operation::remove);
    ASSERT_EQ(batch->column("name"), 1);
    EXPECT_EQ(batch->value(0, 1), Value(std::string("ab")));
    EXPECT_TRUE(batch->is_null(1, 1));
    EXPECT_EQ(batch->text(1, 0), "2");  // the order of the columns may change
}

TEST(RecordBatch, RefusesDamagedFrames) {
    std::string plain;
    const auto frame = rows_frame(0, 0);
    ASSERT_TRUE(snappy::Uncompress(frame.data(), frame.size(), &plain));
    for (std::size_t size = 0; size < plain.size(); ++size) {
        std::string packed;
        snappy::Compress(plain.data(), size, &packed);
        EXPECT_FALSE(decode_rows_batch(packed).ok()) << size;
    }
    EXPECT_FALSE(decode_rows_batch("\xff\xff\xff\xff\x0f").ok());
    EXPECT_FALSE(decode_rows_batch("").ok());
}

constexpr std::string_view kSchema =
    R"j({"table_name":"t1","major_key":"id","columns":[{"id":1,"name":"id","type":"int"},{"id":2,"name":"name","type":"string"},)j"
    R"j({"id":3,"name":"price","type":"decimal(6,2)"},{"id":5,"name":"city","type":"string","default":"x"}]})j";

// Rows id 10, 11, ...; the third one is a delete; `city` was added after they were written.
std::string columnar_frame(std::uint32_t partition, std::int64_t base, std::uint32_t rows,
                           std::uint32_t first, std::uint32_t end, std::span<const dl::Offset> offsets = {}) {
    dl::ColumnBatchBuilder builder({{dl::FieldId{1}, {dl::TypeKind::int32}},
                                    {dl::FieldId{2}, {dl::TypeKind::string}},
                                    {dl::FieldId{3}, {dl::TypeKind::decimal, 6, 2}}});
    for (std::uint32_t row = 0; row < rows; ++row) {
        builder.append_fixed<std::int32_t>(0, static_cast<std::int32_t>(10 + row));
        if (row == 1) {
            builder.append_null(1);
        } else {
            builder.append_bytes(1, "n" + std::to_string(row));
        }
        builder.append_fixed<std::int64_t>(2, 1250 + row);
        builder.finish_row(row == 2);
    }
    const auto body = builder.encode();
    dl::RecordBatchHeader header;
    header.body_crc = dl::crc32c(0, body.data(), body.size());
    header.body_bytes = static_cast<std::uint32_t>(body.size());
    header.body_plain_bytes = header.body_bytes;
    header.table = dl::TableId{1};
    header.partition = dl::PartitionId{partition};
    header.epoch = dl::LeaderEpoch{1};
    header.base_offset = base;
    header.count = rows;
    header.schema = dl::SchemaId{1};
    header.append_time_us = 1'700'000'000'000'000;
    return dl::columnar_batch_prefix(header, first, end, offsets) + body;
}

TEST(RecordBatch, ReadsColumnsTyped) {
    auto schema = parse_columnar_schema(kSchema);
    ASSERT_TRUE(schema.ok()) << schema.error().to_text();
    auto batch = decode_columnar_batch(*schema, columnar_frame(0, 100, 4, 1, 4));
    ASSERT_TRUE(batch.ok()) << batch.error().to_text();
    ASSERT_EQ(batch->rows(), 3u);
    EXPECT_EQ(batch->offset(0), 101);
    EXPECT_EQ(batch->operation(1), Operation::remove);
    EXPECT_EQ(batch->append_time_us(), 1'700'000'000'000'000);
    EXPECT_EQ(batch->value(0, 0), Value(std::int64_t{11}));
    EXPECT_TRUE(batch->is_null(0, 1));
    EXPECT_EQ(batch->string(2, 1), "n3");
    EXPECT_EQ(batch->text(0, 2), "12.51");
    EXPECT_EQ(batch->value(0, 3), Value(std::string("x")));  // the default, for what was written before
    EXPECT_TRUE(batch->is_null(1, 3));                       // but not for a delete
    std::vector<std::int64_t> ids;
    ASSERT_TRUE(batch->copy_int64(0, ids));
    EXPECT_EQ(ids, (std::vector<std::int64_t>{11, 12, 13}));
    EXPECT_FALSE(batch->copy_int64(1, ids));
}

TEST(RecordBatch, CompactedHistoryHasItsOwnOffsets) {
    auto schema = parse_columnar_schema(kSchema);
    const dl::Offset offsets[] = {3, 7, 20};
    auto batch = decode_columnar_batch(*schema, columnar_frame(0, 3, 3, 0, 3, offsets));
    ASSERT_TRUE(batch.ok()) << batch.error().to_text();
    EXPECT_EQ(batch->offset(1), 7);
    EXPECT_EQ(batch->offset(2), 20);
}

TEST(Consumer, KeepsItsOffsetsAndGoesOnFromSavedOnes) {
    std::mutex mutex;
    std::vector<std::string> reads;
    FakeServer server([&](FakePeer& peer, int) {
        int read = 0;
        while (auto request = peer.read_frame()) {
            if (answer_open(peer, *request)) continue;
            {
                std::lock_guard lock(mutex);
                reads.push_back(*request);
            }
            peer.frame(kSchema);
            if (read++ == 0) {
                peer.frame(columnar_frame(1, 5, 4, 0, 4));
                peer.frame(columnar_frame(1, 9, 2, 0, 2));
            }
            peer.frame(kMeta);
            peer.done();
        }
    });
    auto client = Client::connect(server.address());
    ASSERT_TRUE(client.ok());
    auto consumer = client->consume("T1", {.positions = {{1, 5}}, .read_count = 10});
    ASSERT_TRUE(consumer.ok()) << consumer.error().to_text();
    EXPECT_EQ(consumer->table(), "t1");
    auto batches = consumer->poll(250ms);
    ASSERT_TRUE(batches.ok()) << batches.error().to_text();
    ASSERT_EQ(batches->size(), 2u);
    EXPECT_EQ(consumer->positions(), (Positions{{0, 0}, {1, 11}}));
    const auto saved = consumer->positions();
    auto empty = consumer->poll(0ms);
    ASSERT_TRUE(empty.ok());
    EXPECT_TRUE(empty->empty());
    EXPECT_EQ(consumer->positions(), saved);
    EXPECT_EQ(consumer->seek({{7, 0}}).error().code(), ErrorCode::invalid_argument);
    ASSERT_EQ(reads.size(), 2u);
    EXPECT_EQ(
        reads[0],
        R"({"stream_read":{"table_name":"t1","patition_mess":[{"patition_code":0,"offset":0},)"
        R"({"patition_code":1,"offset":5}],"read_count":10},"options":{"meta":true,"check_offsets":true,"table_id":"77",)"
        R"("format":"columnar","max_wait_ms":250}})");
    EXPECT_NE(reads[1].find(R"({"patition_code":1,"offset":11})"), std::string::npos);
    auto again = client->consume("t1", {.positions = saved});
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->positions(), saved);
    EXPECT_EQ(client->consume("t1", {.partitions = {9}}).error().code(), ErrorCode::invalid_argument);
}

TEST(Consumer, ALostConnectionLosesAndRepeatsNothing) {
    std::mutex mutex;
    std::vector<std::string> reads;
    FakeServer server([&](FakePeer& peer, int connection) {
        while (auto request = peer.read_frame()) {
            if (answer_open(peer, *request)) continue;
            {
                std::lock_guard lock(mutex);
                reads.push_back(*request);
            }
            if (connection == 1) {
                // Half a reply, then gone: the caller must not see it as whole.
                peer.frame(rows_frame(0, 0));
                peer.code(1000);
                return;
            }
            if (reads.size() == 2) peer.frame(rows_frame(0, 2));
            peer.frame(kMeta);
            peer.done();
        }
    });
    auto client = Client::connect(server.address());
    ASSERT_TRUE(client.ok());
    auto consumer = client->consume("t1", {.format = StreamFormat::rows});
    ASSERT_TRUE(consumer.ok());
    // A frame that came whole counts, half of one does not.
    auto first = consumer->poll(0ms);
    ASSERT_TRUE(first.ok()) << first.error().to_text();
    EXPECT_EQ(first->size(), 1u);
    EXPECT_EQ(consumer->positions(), (Positions{{0, 2}, {1, 0}}));
    auto second = consumer->poll(0ms);
    ASSERT_TRUE(second.ok()) << second.error().to_text();
    ASSERT_EQ(second->size(), 1u);
    EXPECT_EQ(consumer->positions(), (Positions{{0, 4}, {1, 0}}));
    EXPECT_NE(reads[1].find(R"("patition_code":0,"offset":2)"), std::string::npos) << reads[1];
}

// A slave that goes in the middle of a read: what came counts, the next poll goes on behind it.
TEST(Consumer, GoesOnBehindWhatCameOfAReadThatBroke) {
    std::vector<std::string> reads;
    std::mutex mutex;
    FakeServer server([&](FakePeer& peer, int) {
        while (auto request = peer.read_frame()) {
            if (answer_open(peer, *request)) continue;
            std::lock_guard lock(mutex);
            reads.push_back(*request);
            if (reads.size() == 1) {
                peer.frame(rows_frame(0, 3));
                peer.frame(rows_frame(0, 5));
                peer.error("UNAVAILABLE: broke off; read on behind the last record that came");
                continue;
            }
            peer.frame(kMeta);
            peer.done();
        }
    });
    auto client = Client::connect(server.address());
    ASSERT_TRUE(client.ok());
    auto consumer = client->consume("t1", {.format = StreamFormat::rows});
    ASSERT_TRUE(consumer.ok());
    auto batches = consumer->poll(0ms);
    ASSERT_TRUE(batches.ok()) << batches.error().to_text();
    ASSERT_EQ(batches->size(), 2u);
    EXPECT_EQ(consumer->positions(), (Positions{{0, 7}, {1, 0}}));
    EXPECT_EQ(consumer->compacted().at(0), (std::pair<std::int64_t, std::int64_t>(0, 2)));
    ASSERT_TRUE(consumer->poll(0ms).ok());
    EXPECT_NE(reads.at(1).find(R"("patition_code":0,"offset":7)"), std::string::npos) << reads[1];
}

TEST(Consumer, WaitsForALeaderByItselfAndNoLongerThanItMay) {
    int read = 0;
    FakeServer server([&](FakePeer& peer, int) {
        while (auto request = peer.read_frame()) {
            if (answer_open(peer, *request)) continue;
            if (++read <= 2 || read > 3) {
                peer.error("UNAVAILABLE: partition 0 of table 't1' has no leader");
                continue;
            }
            peer.frame(rows_frame(0, 0));
            peer.frame(kMeta);
            peer.done();
        }
    });
    Options options;
    options.retry_for = 300ms;
    options.retry_pause_min = 10ms;
    auto client = Client::connect(server.address(), options);
    ASSERT_TRUE(client.ok());
    auto consumer = client->consume("t1", {.format = StreamFormat::rows});
    ASSERT_TRUE(consumer.ok());
    auto batches = consumer->poll(0ms);
    ASSERT_TRUE(batches.ok()) << batches.error().to_text();
    EXPECT_EQ(batches->size(), 1u);
    EXPECT_EQ(read, 3);
    EXPECT_EQ(consumer->poll(0ms).error().code(), ErrorCode::unavailable);
    EXPECT_EQ(consumer->positions(), (Positions{{0, 2}, {1, 0}}));
}

TEST(Consumer, RefusesRecordsItDidNotAskFor) {
    FakeServer server([&](FakePeer& peer, int) {
        while (auto request = peer.read_frame()) {
            if (answer_open(peer, *request)) continue;
            peer.frame(rows_frame(0, 3));
            peer.frame(kMeta);
            peer.done();
        }
    });
    auto client = Client::connect(server.address());
    ASSERT_TRUE(client.ok());
    auto consumer = client->consume("t1", {.positions = {{0, 5}}, .format = StreamFormat::rows});
    ASSERT_TRUE(consumer.ok());
    auto batches = consumer->poll(0ms);
    ASSERT_FALSE(batches.ok());
    EXPECT_EQ(batches.error().code(), ErrorCode::protocol_error);
    EXPECT_EQ(consumer->positions().at(0), 5);
}

TEST(Consumer, SaysWhatWasCompactedAwayAndGoesOnBehindIt) {
    int read = 0;
    FakeServer server([&](FakePeer& peer, int) {
        while (auto request = peer.read_frame()) {
            if (answer_open(peer, *request)) continue;
            if (++read == 1) {
                peer.frame(rows_frame(0, 20));
                peer.frame(
                    R"({"meta":{"next":{"0":22,"1":30},"compacted":{"0":[8,19],"1":[8,29]},"table_id":"77"}})");
                peer.done();
            } else if (read == 2) {
                peer.frame(R"({"meta":{"next":{"0":21,"1":30},"compacted":{},"table_id":"77"}})");
                peer.done();
            } else {
                peer.coded(-2, "OFFSET_OUT_OF_RANGE: the table was created again");
            }
        }
    });
    auto client = Client::connect(server.address());
    ASSERT_TRUE(client.ok());
    auto consumer = client->consume(
        "t1", {.start = ConsumerOptions::Start::time, .since = "2024-01-31", .format = StreamFormat::rows});
    ASSERT_TRUE(consumer.ok()) << consumer.error().to_text();
    EXPECT_EQ(consumer->positions(), (Positions{{0, 8}, {1, 8}}));
    EXPECT_EQ(consumer->table_id(), "77");
    auto batches = consumer->poll(0ms);
    ASSERT_TRUE(batches.ok()) << batches.error().to_text();
    EXPECT_EQ(consumer->positions(), (Positions{{0, 22}, {1, 30}}));
    EXPECT_EQ(consumer->compacted().at(0), (std::pair<std::int64_t, std::int64_t>(8, 19)));
    EXPECT_EQ(consumer->compacted().at(1), (std::pair<std::int64_t, std::int64_t>(8, 29)));
    // A server that sends a reader back does not know what it is doing.
    EXPECT_EQ(consumer->poll(0ms).error().code(), ErrorCode::protocol_error);
    EXPECT_EQ(consumer->poll(0ms).error().code(), ErrorCode::offset_out_of_range);
    EXPECT_EQ(consumer->positions(), (Positions{{0, 22}, {1, 30}}));
    EXPECT_EQ(client->consume("t1", {.since = "2024-01-31"}).error().code(), ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace datalake
