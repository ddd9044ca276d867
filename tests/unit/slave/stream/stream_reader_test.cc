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

// Compacted history: some offsets have no record any more.
class PartitionWithHoles final : public test::FakePartition {
  public:
    explicit PartitionWithHoles(std::vector<Offset> offsets)
        : FakePartition(TableId{1}, PartitionId{0}), offsets_(std::move(offsets)) {
        append_rows(0, static_cast<std::uint32_t>(offsets_.size()));
    }
    Result<std::vector<ReadSlice>> read(Offset from, std::uint64_t max_rows, std::uint64_t) const override {
        auto slices = *FakePartition::read(0, 1000, 1u << 20);
        auto& slice = slices.at(0);
        slice.offsets = offsets_;
        slice.first_row = static_cast<std::uint32_t>(
            std::lower_bound(offsets_.begin(), offsets_.end(), from) - offsets_.begin());
        slice.end_row =
            static_cast<std::uint32_t>(std::min<std::uint64_t>(offsets_.size(), slice.first_row + max_rows));
        if (slice.first_row == slice.end_row) slices.clear();
        return slices;
    }

  private:
    std::vector<Offset> offsets_;
};

TEST(StreamReader, TellsWhichOffsetsHaveNoRecordAnyMore) {
    using Range = std::optional<std::pair<Offset, Offset>>;
    const auto dropped = [](std::vector<Offset> offsets, Offset from, std::uint64_t wanted) {
        auto partition = std::make_shared<PartitionWithHoles>(std::move(offsets));
        Range range;
        for (const auto format : {StreamFormat::rows, StreamFormat::json, StreamFormat::columnar})
            for (const std::size_t bytes : {1u, 200u, 100'000u}) {
                StreamReader reader(partition, table(), PartitionId{0}, from, wanted, format);
                for (;;) {
                    const auto chunk = reader.next(bytes);
                    if (chunk->empty()) break;
                }
                if (format != StreamFormat::rows || bytes != 1u) {
                    EXPECT_EQ(reader.dropped(), range) << static_cast<int>(format) << " " << bytes;
                }
                range = reader.dropped();
            }
        return range;
    };
    EXPECT_EQ(dropped({0, 1, 2, 3}, 0, 100), std::nullopt);
    EXPECT_EQ(dropped({4, 5, 6}, 0, 100), Range({0, 3}));
    EXPECT_EQ(dropped({4, 5, 6}, 4, 100), std::nullopt);
    EXPECT_EQ(dropped({0, 1, 5, 6}, 0, 100), Range({2, 4}));
    EXPECT_EQ(dropped({0, 3, 4, 9, 10}, 0, 100), Range({1, 8}));
    EXPECT_EQ(dropped({0, 3, 4, 9, 10}, 3, 100), Range({5, 8}));
    EXPECT_EQ(dropped({0, 3, 4, 9, 10}, 1, 100), Range({1, 8}));
    // What was not read is not said.
    EXPECT_EQ(dropped({0, 3, 4, 9, 10}, 0, 3), Range({1, 2}));
    EXPECT_EQ(dropped({0, 3, 4, 9, 10}, 0, 1), std::nullopt);
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
