#include "slave/compaction/history_policy.h"

#include <gtest/gtest.h>

namespace dl::slave {
namespace {

constexpr std::int64_t kHour = 3'600'000'000;

// One an hour, each of `bytes`; the newest at hour `count` is the active one.
std::vector<SegmentInfo> hourly(int count, std::uint64_t bytes = 100) {
    std::vector<SegmentInfo> segments;
    for (int i = 0; i < count; ++i)
        segments.push_back({i * 10, i * 10 + 10, bytes, true, (i + 1) * kHour, bytes, false});
    segments.back().closed = false;
    return segments;
}

TableMeta table(std::uint32_t hours, std::uint64_t bytes, std::uint32_t partitions = 1) {
    TableMeta meta;
    meta.partition_count = partitions;
    meta.history = {hours, bytes};
    return meta;
}

TEST(HistoryPolicy, KeepsWhatIsYoungEnoughAndTheNewestFiles) {
    const auto segments = hourly(10);
    const auto start = [&](std::uint32_t hours, std::int64_t now, std::uint32_t closed = 1) {
        return history_start(segments, history_limits(table(hours, 0), closed), now);
    };
    EXPECT_EQ(start(72, 10 * kHour), 0);
    // The newest record of the second file is exactly eight hours old at hour 10.
    EXPECT_EQ(start(8, 10 * kHour), 20);
    EXPECT_EQ(start(8, 10 * kHour - 1), 10);
    EXPECT_EQ(start(0, 10 * kHour), 80);
    EXPECT_EQ(start(1, 1000 * kHour), 80) << "whatever their age";
    EXPECT_EQ(start(1, 1000 * kHour, 3), 60);
    EXPECT_EQ(start(TableHistory::kHoursMax, 10 * kHour), 0);
    EXPECT_EQ(history_start({}, {}, 0), 0);
}

TEST(HistoryPolicy, BytesAreOfAllPartitionsAndWhicheverLimitIsFirstHolds) {
    const auto segments = hourly(10);
    const auto start = [&](std::uint32_t hours, std::uint64_t bytes, std::uint32_t partitions) {
        return history_start(segments, history_limits(table(hours, bytes, partitions), 1), 10 * kHour);
    };
    EXPECT_EQ(start(72, 1000, 1), 0);
    EXPECT_EQ(start(72, 999, 1), 10);
    EXPECT_EQ(start(72, 450, 1), 60);
    EXPECT_EQ(start(72, 900, 2), 60);
    EXPECT_EQ(start(8, 1000, 1), 20);
    EXPECT_EQ(start(72, 1, 1), 80);
}

// A clock that was ahead for a while must not let younger files go before it.
TEST(HistoryPolicy, FilesGoInTheirOrder) {
    auto segments = hourly(5);
    segments[1].newest_time_us = 100 * kHour;
    EXPECT_EQ(history_start(segments, history_limits(table(1, 0), 0), 50 * kHour), 10);
}

TEST(HistoryPolicy, PacksLargeFilesAloneAndSmallNeighboursTogether) {
    const auto limits = history_limits(table(72, 0), 1);
    auto segments = hourly(20, 1000);
    for (auto& segment : segments)
        segment.newest_time_us = kHour;
    const auto below = Offset{1000};
    const auto all = decide_pack(segments, limits, below);
    ASSERT_TRUE(all);
    EXPECT_EQ(*all, (PackRange{0, 180, 18'000})) << "not the active one, nor the one before";
    EXPECT_EQ(decide_pack(segments, limits, 100)->end, 100);
    EXPECT_FALSE(decide_pack(segments, limits, 79)) << "seven are too few";
    EXPECT_FALSE(decide_pack(segments, history_limits(table(0, 0), 1), below));
    segments[2].plain_bytes = kPackedAloneBytesMin;
    EXPECT_EQ(*decide_pack(segments, limits, below), (PackRange{20, 30, kPackedAloneBytesMin}));
    segments[2].packed = true;
    EXPECT_EQ(decide_pack(segments, limits, below)->first, 30) << "the large one is done";
    EXPECT_FALSE(decide_pack({}, limits, below));
}

TEST(HistoryPolicy, AFileHasAnEighthOfTheHistoryAtMost) {
    const auto segments = hourly(20, 1000);
    EXPECT_FALSE(decide_pack(segments, history_limits(table(72, 0), 1), 1000));
    EXPECT_TRUE(decide_pack(segments, history_limits(table(8 * 18, 0), 1), 1000));
}

}  // namespace
}  // namespace dl::slave
