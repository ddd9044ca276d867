#include "slave/compaction/compaction_planner.h"

#include <gtest/gtest.h>

#include "slave/snapshot/keep_set.h"

namespace dl::slave {
namespace {

std::vector<SegmentInfo> segments_of(std::initializer_list<Offset> firsts) {
    std::vector<SegmentInfo> segments;
    for (const auto first : firsts)
        segments.push_back({first, first + 10, 100, true});
    segments.back().closed = false;
    return segments;
}

TEST(CompactionPlanner, LeavesTheNewestTwoLogFilesAlone) {
    EXPECT_EQ(log_start_after_compaction(segments_of({0}), 1), 0);
    EXPECT_EQ(log_start_after_compaction(segments_of({0, 10}), 1), 0);
    EXPECT_EQ(log_start_after_compaction(segments_of({0, 10, 20, 30}), 1), 20);
    EXPECT_EQ(log_start_after_compaction(segments_of({50, 60, 70}), 0), 70);
    EXPECT_EQ(log_start_after_compaction({}, 1), 0);
}

TEST(CompactionPlanner, IsNeededForFlushedFilesAndForManyDeadRows) {
    std::vector<PolicyFile> files(2);
    files[0].compacted = true;
    EXPECT_TRUE(needs_compaction(files, 30));
    files.pop_back();
    EXPECT_FALSE(needs_compaction(files, 30));
    files[0].rows = 10;
    files[0].dead = 2;
    EXPECT_FALSE(needs_compaction(files, 30));
    files[0].dead = 3;
    EXPECT_TRUE(needs_compaction(files, 30));
    EXPECT_FALSE(needs_compaction({}, 30));
}

TEST(CompactionPlanner, GroupsByRowsAndBytesAndCarriesWholeFilesOver) {
    const std::vector<InputSize> inputs = {
        {100, 100, 10, true}, {50, 20, 10, false}, {50, 40, 10, false}, {10, 0, 1, false}};
    const auto groups = group_outputs(inputs, 100, 1000);
    ASSERT_EQ(groups.size(), 2u);
    EXPECT_TRUE(groups[0].carried_over);
    EXPECT_EQ(groups[1].begin, 1u);
    EXPECT_EQ(groups[1].end, 4u);
    EXPECT_EQ(groups[1].rows, 60u);
    EXPECT_FALSE(groups[1].carried_over);
    EXPECT_EQ(group_outputs(inputs, 1000, 9).size(), 3u);
}

TEST(KeptRowsTest, RankCountsKeptRowsBefore) {
    RowBits bits(200);
    for (std::uint64_t row = 0; row < 200; row += 3)
        bits.set(row);
    const KeptRows kept(bits);
    EXPECT_EQ(kept.count(), 67u);
    for (std::uint64_t row = 0; row < 200; ++row)
        EXPECT_EQ(kept.rank(row), (row + 2) / 3);
    const std::vector<std::uint32_t> dead = {1, 2};
    EXPECT_EQ(live_rows_not_kept(*DeleteVector(200).with(dead), kept), 200u - 67u - 2u);
}

}  // namespace
}  // namespace dl::slave
