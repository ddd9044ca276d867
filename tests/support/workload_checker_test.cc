// The checker must catch each fault it claims to: one sound history, broken in one way at a time.
#include "tests/support/workload_checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dl::test {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::IsEmpty;

// Two writers, two partitions: keys 1 and 3 in partition 0, key 2 in partition 1; key 3 ends deleted; write 6
// was refused, write 7 has no known outcome and did arrive, write 8 has none and did not.
History sound_history() {
    History history;
    history.batches = {
        {0, Outcome::acknowledged, {{1, 1, false}, {3, 2, false}}},
        {0, Outcome::acknowledged, {{1, 3, false}, {3, 4, true}}},
        {1, Outcome::acknowledged, {{2, 5, false}}},
        {1, Outcome::refused, {{2, 6, false}}},
        {1, Outcome::unknown, {{2, 7, false}}},
        {1, Outcome::unknown, {{2, 8, true}}},
    };
    history.stream = {{0, 0, 1, 1, false}, {0, 1, 3, 2, false}, {0, 2, 1, 3, false},
                      {0, 3, 3, 4, true},  {1, 0, 2, 5, false}, {1, 1, 2, 7, false}};
    history.table = {{1, 3}, {2, 7}};
    history.early = {{0, 0, 1, 1, false}, {1, 0, 2, 5, false}};
    return history;
}

auto has(Fault fault) {
    return Contains(Field(&Violation::fault, fault));
}

TEST(WorkloadChecker, SoundHistoryPasses) {
    EXPECT_THAT(check_history(sound_history()), IsEmpty());
}

TEST(WorkloadChecker, EmptyHistoryPasses) {
    EXPECT_THAT(check_history({}), IsEmpty());
}

TEST(WorkloadChecker,
     AcknowledgedAtTheEndAndGoneIsLost) {  // what a build that acknowledges before fsync shows
    auto history = sound_history();
    history.stream.erase(history.stream.begin() + 2, history.stream.begin() + 4);
    history.table = {{1, 1}, {3, 2}, {2, 7}};
    EXPECT_THAT(check_history(history), has(Fault::lost));
}

TEST(WorkloadChecker, OneRowOfABatchMissingIsLost) {
    auto history = sound_history();
    history.stream.erase(history.stream.begin() + 3);
    history.table.push_back({3, 2});
    EXPECT_THAT(check_history(history), has(Fault::lost));
}

TEST(WorkloadChecker, SameWriteTwiceIsDuplicated) {
    auto history = sound_history();
    history.stream.push_back({1, 2, 2, 7, false});
    EXPECT_THAT(check_history(history), has(Fault::duplicated));
}

TEST(WorkloadChecker, RecordNobodySentIsInvented) {
    auto history = sound_history();
    history.stream.push_back({1, 2, 2, 99, false});
    history.table[1].write_id = 99;
    EXPECT_THAT(check_history(history), has(Fault::invented));
}

TEST(WorkloadChecker, InsertReadAsDeleteIsInvented) {
    auto history = sound_history();
    history.stream[0].is_delete = true;
    EXPECT_THAT(check_history(history), has(Fault::invented));
}

TEST(WorkloadChecker, RefusedWriteInTheLogIsVisible) {
    auto history = sound_history();
    history.stream.push_back({1, 2, 2, 6, false});
    history.table[1].write_id = 6;
    EXPECT_THAT(check_history(history), has(Fault::refused_visible));
}

TEST(WorkloadChecker, AcknowledgedWritesOutOfOrderAreReordered) {
    auto history = sound_history();
    std::swap(history.stream[0].write_id, history.stream[2].write_id);
    history.table[0].write_id = 1;
    history.early.clear();
    const auto violations = check_history(history);
    EXPECT_THAT(violations, has(Fault::reordered));
    EXPECT_THAT(violations, has(Fault::overtaken));
}

TEST(WorkloadChecker, HoleWithoutCompactionIsNotDense) {
    auto history = sound_history();
    history.stream[5].offset = 2;
    EXPECT_THAT(check_history(history), has(Fault::not_dense));
}

TEST(WorkloadChecker, OffsetTwiceIsNotDense) {
    auto history = sound_history();
    history.stream[3].offset = 2;
    EXPECT_THAT(check_history(history), has(Fault::not_dense));
}

TEST(WorkloadChecker,
     WhatAConsumerSawAndIsGoneIsRewritten) {  // what a build that serves unsynced records shows
    auto history = sound_history();
    history.early.push_back({1, 2, 2, 8, true});
    EXPECT_THAT(check_history(history), has(Fault::rewritten));
}

TEST(WorkloadChecker, OffsetWithTwoContentsIsRewritten) {
    auto history = sound_history();
    history.early.push_back({1, 1, 2, 8, true});
    EXPECT_THAT(check_history(history), has(Fault::rewritten));
}

TEST(WorkloadChecker, KeyInTwoPartitionsIsMisplaced) {
    auto history = sound_history();
    history.batches.push_back({0, Outcome::acknowledged, {{1, 9, false}}});
    history.stream.push_back({1, 2, 1, 9, false});
    history.table[0].write_id = 9;
    EXPECT_THAT(check_history(history), has(Fault::misplaced));
}

TEST(WorkloadChecker, EarlierUnknownWriteThatWinsIsOvertaken) {
    auto history = sound_history();
    history.batches.push_back({1, Outcome::acknowledged, {{2, 9, false}}});
    history.stream.push_back({1, 2, 2, 9, false});
    history.stream.push_back({1, 3, 2, 8, true});
    history.table = {{1, 3}};
    EXPECT_THAT(check_history(history), has(Fault::overtaken));
    history.late_unknown_allowed = true;
    EXPECT_THAT(check_history(history), IsEmpty());
}

TEST(WorkloadChecker, OldRowInTheTableDiffers) {
    auto history = sound_history();
    history.table[0].write_id = 1;
    EXPECT_THAT(check_history(history), has(Fault::table_differs));
}

TEST(WorkloadChecker, DeletedKeyInTheTableDiffers) {
    auto history = sound_history();
    history.table.push_back({3, 2});
    EXPECT_THAT(check_history(history), has(Fault::table_differs));
}

TEST(WorkloadChecker, MissingAndDoubleAndForeignRowsDiffer) {
    auto missing = sound_history();
    missing.table.pop_back();
    EXPECT_THAT(check_history(missing), has(Fault::table_differs));
    auto twice = sound_history();
    twice.table.push_back(twice.table[0]);
    EXPECT_THAT(check_history(twice), has(Fault::table_differs));
    auto foreign = sound_history();
    foreign.table.push_back({77, 1});
    EXPECT_THAT(check_history(foreign), has(Fault::table_differs));
}

TEST(WorkloadChecker, CompactionMayDropOlderRecordsAndDeletesOnly) {
    auto history = sound_history();
    history.compacted = true;
    history.stream = {{0, 2, 1, 3, false},
                      {1, 1, 2, 7, false}};  // key 3's delete left with everything older of it
    EXPECT_THAT(check_history(history), IsEmpty());
    history.stream.erase(history.stream.begin());  // the only record of key 1
    EXPECT_THAT(check_history(history), has(Fault::lost));
}

TEST(WorkloadChecker, CompactionMustNotMoveOffsets) {
    auto history = sound_history();
    history.compacted = true;
    history.stream = {{0, 0, 1, 3, false}, {1, 0, 2, 7, false}};
    EXPECT_THAT(check_history(history), has(Fault::rewritten));
}

TEST(WorkloadChecker, ReportsNoMoreThanTheLimit) {
    auto history = sound_history();
    for (int i = 0; i < 100; ++i)
        history.table.push_back({1000 + i, 1});
    EXPECT_EQ(check_history(history, 7).size(), 7u);
}

}  // namespace
}  // namespace dl::test
