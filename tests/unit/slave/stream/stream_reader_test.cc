#include "slave/stream/stream_reader.h"

#include <gtest/gtest.h>

#include "tests/unit/slave/handlers/fake_slave.h"

namespace dl::slave {
namespace {

std::shared_ptr<const TableMeta> table() {
    return std::make_shared<const TableMeta>(test::make_table(1, 1));
}

TEST(StreamReader, CrossesBatchesAndEndsExactly) {
    auto partition = std::make_shared<test::FakePartition>(TableId{1}, PartitionId{0});
    for (int i = 0; i < 50; ++i)
        partition->append_rows(i * 7, 7);
    for (const auto format : {StreamFormat::rows, StreamFormat::json, StreamFormat::columnar}) {
        for (const std::uint64_t wanted : {1u, 7u, 8u, 100u, 340u, 1000u}) {
            StreamReader reader(partition, table(), PartitionId{0}, 3, wanted, format);
            std::uint64_t rows = 0;
            for (int i = 0; i < 1000; ++i) {
                const auto chunk = reader.next(600);
                ASSERT_TRUE(chunk.has_value());
                if (chunk->empty()) break;
                rows += chunk->rows;
            }
            EXPECT_EQ(rows, std::min<std::uint64_t>(wanted, 347));
            EXPECT_EQ(reader.next_offset(), 3 + static_cast<Offset>(rows));
        }
    }
}

TEST(StreamReader, ColumnarBodiesAreTheLogsOwnBytes) {
    auto partition = std::make_shared<test::FakePartition>(TableId{1}, PartitionId{0});
    partition->append_rows(0, 100);
    StreamReader reader(partition, table(), PartitionId{0}, 0, 100, StreamFormat::columnar);
    const auto chunk = reader.next(1 << 20);
    ASSERT_EQ(chunk->frames.size(), 1u);
    const auto stored = partition->read(0, 100, 1);
    EXPECT_EQ(chunk->frames[0][1].data(), (*stored)[0].stored_body.data());
}

TEST(StreamReader, LargeRecordsDoNotMakeLargeFrames) {
    auto partition = std::make_shared<test::FakePartition>(TableId{1}, PartitionId{0});
    partition->append_rows(0, 40, 1u << 20);
    StreamReader reader(partition, table(), PartitionId{0}, 0, 100, StreamFormat::rows);
    int frames = 0;
    for (;;) {
        const auto chunk = reader.next(1u << 30);
        if (chunk->empty()) break;
        ++frames;
        EXPECT_LE(chunk->bytes, StreamReader::kFramePlainBytes + (2u << 20));
    }
    EXPECT_GE(frames, 8);
    EXPECT_EQ(reader.next_offset(), 40);
}

}  // namespace
}  // namespace dl::slave
