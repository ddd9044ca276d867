#include "slave/compaction/history_clock.h"

#include <gtest/gtest.h>

namespace dl::slave {
namespace {

constexpr std::int64_t kHour = 3'600'000'000;
constexpr std::int64_t kYear = 24 * 365 * kHour;
constexpr std::int64_t kAge = 72 * kHour;

class HistoryClockTest : public ::testing::Test {
  protected:
    void pass(std::int64_t us) {
        wall_us_ += us;
        steady_us_ += us;
    }
    HistoryClock::Now look() { return clock_.look(wall_us_, steady_us_, kAge, segments_); }

    HistoryClock clock_;
    std::int64_t wall_us_ = 56 * kYear;
    std::int64_t steady_us_ = 5 * kHour;
    std::vector<SegmentInfo> segments_;
};

TEST_F(HistoryClockTest, FollowsTheWallClock) {
    EXPECT_EQ(look().us, wall_us_);
    pass(100 * kHour);
    EXPECT_EQ(look().us, wall_us_);
    wall_us_ += HistoryClock::kJumpUsMin - 1;
    EXPECT_EQ(look().us, wall_us_) << "kept right";
    wall_us_ -= 10 * kHour;
    EXPECT_EQ(look().us, wall_us_);
    EXPECT_EQ(look().aged_end, 0);
}

TEST_F(HistoryClockTest, AJumpForwardCountsWhenTheTimeHasGoneBySince) {
    look();
    const auto before = wall_us_;
    wall_us_ += kYear;
    EXPECT_EQ(look().us, before);
    pass(kAge - 1);
    EXPECT_EQ(look().us, before + kAge - 1) << "records of before grow old as time goes by";
    pass(1);
    EXPECT_EQ(look().us, before + kYear + kAge);
}

TEST_F(HistoryClockTest, AJumpBackTakesBackTheOnesForward) {
    look();
    const auto before = wall_us_;
    wall_us_ += kYear;
    look();
    pass(kHour);
    wall_us_ += 2 * kYear;
    look();
    wall_us_ -= 3 * kYear;
    EXPECT_EQ(look().us, before + kHour);
    pass(2 * kAge);
    EXPECT_EQ(look().us, before + kHour + 2 * kAge);
}

TEST_F(HistoryClockTest, FilesWithTimesToComeAreOldEnoughWhenTheTimeHasGoneBy) {
    segments_ = {{0, 10, 100, true, wall_us_ - kHour, 100, false},
                 {10, 20, 100, true, wall_us_ + 10 * kYear, 100, false},
                 {20, 30, 100, true, wall_us_ + 10 * kYear, 100, false},
                 {30, 40, 100, false, wall_us_ + 10 * kYear, 100, false}};
    EXPECT_EQ(look().aged_end, 0);
    pass(kHour);
    segments_[3].closed = true;
    EXPECT_EQ(look().aged_end, 0);
    pass(kAge - kHour - 1);
    EXPECT_EQ(look().aged_end, 0);
    pass(1);
    EXPECT_EQ(look().aged_end, 30);
    pass(kHour);
    EXPECT_EQ(look().aged_end, 40);
    // A file made of others begins anew.
    segments_ = {{10, 30, 100, true, wall_us_ + kYear, 100, true}};
    EXPECT_EQ(look().aged_end, 0);
}

TEST_F(HistoryClockTest, JumpsAreBounded) {
    look();
    for (int i = 0; i < 1000; ++i) {
        wall_us_ += kHour;
        look();
    }
    EXPECT_LT(look().us, wall_us_);
    pass(kAge);
    EXPECT_EQ(look().us, wall_us_);
}

}  // namespace
}  // namespace dl::slave
