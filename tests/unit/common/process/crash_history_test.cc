#include "common/process/crash_history.h"

#include <gtest/gtest.h>

namespace dl {
namespace {

using namespace std::chrono_literals;

TEST(CrashHistory, TheSecondWithinAMinuteRefusesForAMinute) {
    CrashHistory history;
    const auto start = CrashHistory::Time{} + 1000s;
    history.note(7, start);
    EXPECT_EQ(history.refused_for(7, start), 0s);
    history.note(7, start + 61s);
    EXPECT_EQ(history.refused_for(7, start + 61s), 0s) << "more than a minute lies between";
    history.note(7, start + 62s);
    EXPECT_EQ(history.refused_for(7, start + 62s), 60s);
    EXPECT_EQ(history.refused_for(8, start + 62s), 0s);
    EXPECT_EQ(history.refused_for(7, start + 122s), 0s);
    EXPECT_EQ(history.total(), 3u);
}

TEST(CrashHistory, RemembersTheNewestOfMany) {
    CrashHistory history;
    auto now = CrashHistory::Time{} + 1000s;
    for (std::uint64_t digest = 0; digest < 3 * CrashHistory::kStatementsMax; ++digest)
        history.note(digest, now += 1ms);
    const auto newest = 3 * CrashHistory::kStatementsMax - 1;
    history.note(newest, now);
    EXPECT_GT(history.refused_for(newest, now), 0s);
    history.note(0, now);
    EXPECT_EQ(history.refused_for(0, now), 0s) << "the oldest was forgotten";
}

}  // namespace
}  // namespace dl
