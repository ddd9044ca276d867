#include "slave/replication/commit_tracker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace dl::slave {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
const NodeId kSelf{1}, kB{2}, kC{3};

CopySets sets(std::uint32_t version, std::vector<NodeId> in_sync, std::uint32_t min_in_sync = 2) {
    return {version, std::move(in_sync), {kSelf, kB, kC}, min_in_sync};
}

TEST(CommitTracker, CommitsWhatEveryInSyncCopyHasSynced) {
    CommitTracker tracker(kSelf, sets(1, {kSelf, kB, kC}), 0, 0, 0, kSecond);
    tracker.own_appended(10, 0);
    tracker.follower_synced(kB, 10, 0);
    tracker.follower_synced(kC, 10, 0);
    EXPECT_EQ(tracker.high_watermark(), 0);  // not synced here
    tracker.own_synced(10);
    EXPECT_EQ(tracker.high_watermark(), 10);
    tracker.own_appended(20, 0);
    tracker.own_synced(20);
    tracker.follower_synced(kB, 15, 0);
    EXPECT_EQ(tracker.high_watermark(), 10);
    tracker.follower_synced(kC, 20, 0);
    EXPECT_EQ(tracker.high_watermark(), 15);
}

TEST(CommitTracker, CommitsNothingWithTooFewInSync) {
    CommitTracker tracker(kSelf, sets(1, {kSelf}), 0, 0, 0, kSecond);
    EXPECT_FALSE(tracker.may_write());
    tracker.own_appended(10, 0);
    tracker.own_synced(10);
    EXPECT_EQ(tracker.high_watermark(), 0);
    tracker.set(sets(2, {kSelf, kB}), 0);
    tracker.follower_synced(kB, 10, 0);
    EXPECT_TRUE(tracker.may_write());
    EXPECT_EQ(tracker.high_watermark(), 10);
}

TEST(CommitTracker, WaitsForThoseThatItAskedToRemoveUntilItIsToldThatTheyAreOut) {
    CommitTracker tracker(kSelf, sets(1, {kSelf, kB, kC}), 0, 0, 0, kSecond);
    tracker.own_appended(10, 0);
    tracker.own_synced(10);
    tracker.follower_synced(kB, 10, 2 * kSecond);
    const auto wanted = tracker.wanted(2 * kSecond);
    ASSERT_TRUE(wanted);
    EXPECT_EQ(*wanted, (std::vector<NodeId>{kSelf, kB}));
    EXPECT_EQ(tracker.high_watermark(), 0);
    tracker.set(sets(2, *wanted), 2 * kSecond);
    EXPECT_EQ(tracker.high_watermark(), 10);
}

// The controller may have taken it in already and elect it, before this leader hears of it.
TEST(CommitTracker, CountsThoseThatItAskedToAddAtOnce) {
    CommitTracker tracker(kSelf, sets(1, {kSelf, kB}), 0, 0, 0, kSecond);
    tracker.own_appended(10, 0);
    tracker.own_synced(10);
    tracker.follower_synced(kB, 10, 0);
    EXPECT_FALSE(tracker.wanted(0));
    tracker.follower_synced(kC, 9, 0);
    EXPECT_FALSE(tracker.wanted(0));  // lacks a committed record
    tracker.follower_synced(kC, 10, 0);
    const auto wanted = tracker.wanted(0);
    ASSERT_TRUE(wanted);
    EXPECT_EQ(*wanted, (std::vector<NodeId>{kSelf, kB, kC}));
    tracker.own_appended(20, 0);
    tracker.own_synced(20);
    tracker.follower_synced(kB, 20, 0);
    EXPECT_EQ(tracker.high_watermark(), 10);
    // It falls behind before the answer is there: it counts all the same, and the question is asked again.
    EXPECT_EQ(tracker.wanted(5 * kSecond), (std::vector<NodeId>{kSelf, kB}));
    EXPECT_EQ(tracker.high_watermark(), 10);
    tracker.set(sets(2, {kSelf, kB}), 5 * kSecond);
    EXPECT_EQ(tracker.high_watermark(), 20);
    EXPECT_FALSE(tracker.wanted(5 * kSecond));
}

TEST(CommitTracker, ServesOnceAllThatTheLogHeldAtItsBeginningIsCommitted) {
    CommitTracker tracker(kSelf, sets(1, {kSelf, kB}), 30, 20, 0, kSecond);
    EXPECT_FALSE(tracker.may_serve());
    tracker.follower_synced(kB, 25, 0);
    EXPECT_EQ(tracker.high_watermark(), 25);
    EXPECT_FALSE(tracker.may_serve());
    tracker.follower_synced(kB, 30, 0);
    EXPECT_TRUE(tracker.may_serve());
    // One that has all that is committed, but not all that was there at the beginning, may not join.
    CommitTracker other(kSelf, sets(1, {kSelf}, 1), 30, 20, 0, kSecond);
    EXPECT_EQ(other.high_watermark(), 30);
}

TEST(CommitTracker, AFollowerUnderLoadDoesNotLagWhileItComesForward) {
    CommitTracker tracker(kSelf, sets(1, {kSelf, kB}), 0, 0, 0, kSecond);
    tracker.follower_synced(kB, 0, 0);
    // Never at the very end, always where the end was when it asked before.
    for (int i = 1; i <= 40; ++i) {
        const auto now = i * kSecond / 4;
        tracker.own_appended(i * 10, now);
        tracker.own_synced(i * 10);
        EXPECT_FALSE(tracker.wanted(now)) << i;
        tracker.follower_synced(kB, (i - 1) * 10, now);
    }
    EXPECT_TRUE(tracker.wanted(12 * kSecond));
}

TEST(CommitTracker, AnIdleFollowerThatFallsBehindHasTheWholeTime) {
    CommitTracker tracker(kSelf, sets(1, {kSelf, kB}), 0, 0, 0, kSecond);
    tracker.follower_synced(kB, 0, 0);
    EXPECT_FALSE(tracker.wanted(100 * kSecond));
    tracker.own_appended(10, 100 * kSecond);
    tracker.own_synced(10);
    EXPECT_FALSE(tracker.wanted(100 * kSecond + kSecond / 2));
    EXPECT_TRUE(tracker.wanted(102 * kSecond));
}

// A node that came back with less than it had: on an older copy of its disk, say.
TEST(CommitTracker, AMemberThatLostWhatItHadIsAskedOut) {
    CommitTracker tracker(kSelf, sets(1, {kSelf, kB, kC}), 0, 0, 0, kSecond);
    tracker.own_appended(10, 0);
    tracker.own_synced(10);
    tracker.follower_synced(kB, 10, 0);
    tracker.follower_synced(kC, 10, 0);
    ASSERT_EQ(tracker.high_watermark(), 10);
    tracker.follower_synced(kC, 4, 0);
    EXPECT_EQ(tracker.wanted(0), (std::vector<NodeId>{kSelf, kB}));
    tracker.set(sets(2, {kSelf, kB}), 0);
    // What it said before it was put out does not count.
    EXPECT_FALSE(tracker.wanted(0));
    tracker.follower_synced(kC, 10, 0);
    EXPECT_EQ(tracker.wanted(0), (std::vector<NodeId>{kSelf, kB, kC}));
    tracker.follower_strayed(kC);
    EXPECT_EQ(tracker.wanted(0), (std::vector<NodeId>{kSelf, kB}));  // asked for still
}

TEST(CommitTracker, OlderSetsChangeNothing) {
    CommitTracker tracker(kSelf, sets(5, {kSelf, kB}), 0, 0, 0, kSecond);
    tracker.set(sets(4, {kSelf, kC}), 0);
    EXPECT_EQ(tracker.sets().in_sync, (std::vector<NodeId>{kSelf, kB}));
}

// Whatever comes in whatever order: never back, never beyond the slowest that may be elected.
TEST(CommitTracker, NeverPassesAMemberOrGoesBack) {
    std::mt19937 random(7);
    for (int run = 0; run < 300; ++run) {
        const std::vector<NodeId> all{kSelf, kB, kC};
        CommitTracker tracker(kSelf, sets(1, all, 1), 0, 0, 0, kSecond);
        std::vector<NodeId> asked_for = all;  // the widest set the controller may have
        std::map<NodeId, Offset> synced{{kSelf, 0}, {kB, 0}, {kC, 0}};
        Offset end = 0, before = 0;
        std::int64_t now = 0;
        std::uint32_t version = 1;
        for (int step = 0; step < 200; ++step) {
            now += random() % (kSecond / 2);
            switch (random() % 5) {
                case 0:
                    end += random() % 5;
                    tracker.own_appended(end, now);
                    break;
                case 1:
                    tracker.own_synced(synced[kSelf] = end);
                    break;
                case 2:
                case 3: {
                    const auto node = random() % 2 == 0 ? kB : kC;
                    synced[node] += random() % (end - synced[node] + 1);
                    tracker.follower_synced(node, synced[node], now);
                    break;
                }
                default:
                    if (auto wanted = tracker.wanted(now)) {
                        for (const auto node : *wanted)
                            if (std::find(asked_for.begin(), asked_for.end(), node) == asked_for.end())
                                asked_for.push_back(node);
                        if (random() % 2 == 0) {
                            tracker.set(sets(++version, *wanted, 1), now);
                            asked_for = *wanted;
                        }
                    }
            }
            const auto high = tracker.high_watermark();
            ASSERT_GE(high, before);
            for (const auto node : asked_for) {
                if (high == before) break;
                ASSERT_LE(high, synced[node]) << "node " << node.value << " in run " << run;
            }
            before = high;
        }
    }
}

TEST(CommitTracker, IsSettledOnlyWhenTimeAloneChangesNothing) {
    CommitTracker tracker(kSelf, sets(1, {kSelf, kB, kC}), 10, 10, 0, kSecond);
    EXPECT_FALSE(tracker.is_settled()) << "nobody has said what he has";
    tracker.follower_synced(kB, 10, 0);
    tracker.follower_synced(kC, 10, 0);
    EXPECT_TRUE(tracker.is_settled());
    EXPECT_EQ(tracker.wanted(100 * kSecond), std::nullopt);
    tracker.own_appended(11, 0);
    EXPECT_FALSE(tracker.is_settled());
    tracker.follower_synced(kB, 11, 0);
    tracker.follower_synced(kC, 11, 0);
    EXPECT_TRUE(tracker.is_settled());
    tracker.follower_strayed(kC);
    EXPECT_FALSE(tracker.is_settled());
    tracker.set(sets(2, {kSelf, kB}), 0);
    EXPECT_FALSE(tracker.is_settled()) << "one may join";
}

}  // namespace
}  // namespace dl::slave
