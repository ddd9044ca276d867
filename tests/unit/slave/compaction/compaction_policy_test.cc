#include "slave/compaction/compaction_policy.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "slave/compaction/io_budget.h"

namespace dl::slave {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr CompactionPolicy kPolicy{.automatic = true,
                                   .dead_percent = 30,
                                   .growth_percent = 100,
                                   .bytes_min = 100,
                                   .files_min = 2,
                                   .dead_bytes_min = 50};

PolicyFile file(bool compacted, std::uint64_t rows, std::uint64_t dead, std::uint64_t bytes) {
    return {compacted, rows, dead, bytes};
}

TEST(CompactionPolicyTest, GrowthByTheShareOfWhatIsCompacted) {
    std::vector<PolicyFile> files = {file(true, 100, 0, 1000), file(false, 50, 0, 500),
                                     file(false, 50, 0, 499)};
    EXPECT_EQ(decide_compaction(files, 0, kPolicy), CompactionReason::none);
    files[2].bytes = 500;
    EXPECT_EQ(decide_compaction(files, 0, kPolicy), CompactionReason::growth);
    auto policy = kPolicy;
    policy.automatic = false;
    EXPECT_EQ(decide_compaction(files, 0, policy), CompactionReason::none);
}

TEST(CompactionPolicyTest, TooLittleOrTooFewIsLeftAlone) {
    EXPECT_EQ(decide_compaction({}, 0, kPolicy), CompactionReason::none);
    std::vector<PolicyFile> files = {file(false, 9, 0, 60)};
    EXPECT_EQ(decide_compaction(files, 0, kPolicy), CompactionReason::none);
    files.push_back(file(false, 9, 0, 39));
    EXPECT_EQ(decide_compaction(files, 0, kPolicy), CompactionReason::none);
    files[1].bytes = 40;
    EXPECT_EQ(decide_compaction(files, 0, kPolicy), CompactionReason::growth);
}

TEST(CompactionPolicyTest, DeadRowsCountOnlyAsFarAsTheyCanGo) {
    // All compacted rows are dead, but only as many by flushed records as there are.
    std::vector<PolicyFile> files = {file(true, 1000, 1000, 10'000), file(false, 50, 0, 50),
                                     file(false, 50, 0, 50)};
    EXPECT_EQ(decide_compaction(files, 0, kPolicy), CompactionReason::none);
    files[1].rows = files[2].rows = 250;
    EXPECT_EQ(decide_compaction(files, 0, kPolicy), CompactionReason::dead_rows);
    // Half of them may have been killed by records of the tail, which keeps them.
    EXPECT_EQ(decide_compaction(files, 1000, kPolicy), CompactionReason::none);
    // Nothing flushed: whatever killed the rows is in the tail.
    EXPECT_EQ(decide_compaction(std::span(files).first(1), 0, kPolicy), CompactionReason::none);
}

TEST(CompactionPolicyTest, DeadRowsAreReasonEnoughInOneFlushedFile) {
    std::vector<PolicyFile> files = {file(false, 100, 30, 50)};
    EXPECT_EQ(decide_compaction(files, 0, kPolicy), CompactionReason::dead_rows);
    files[0].dead = 29;
    EXPECT_EQ(decide_compaction(files, 0, kPolicy), CompactionReason::none);
    files[0].dead = 30;
    files[0].bytes = 49;
    EXPECT_EQ(decide_compaction(files, 0, kPolicy), CompactionReason::none) << "not worth it";
}

TEST(CompactionPolicyTest, AnIdlePartitionIsWorthItForDeadRowsAlone) {
    std::vector<PolicyFile> files = {file(true, 100, 60, 50)};
    EXPECT_TRUE(worth_when_idle(files, 100, kPolicy));
    EXPECT_FALSE(worth_when_idle(files, 101, kPolicy));
    files[0].bytes = 49;
    EXPECT_FALSE(worth_when_idle(files, 0, kPolicy));
    EXPECT_FALSE(worth_when_idle({}, 0, kPolicy));
    auto policy = kPolicy;
    policy.automatic = false;
    files[0].bytes = 50;
    EXPECT_FALSE(worth_when_idle(files, 0, policy));
}

// The point of the growth rule: however long it goes on, a byte is rewritten about log2(table) times.
TEST(CompactionPolicyTest, WriteAmplificationStaysLogarithmic) {
    std::vector<PolicyFile> files;
    std::uint64_t flushed = 0, rewritten = 0;
    for (int flush = 1; flush <= 4096; ++flush) {
        files.push_back(file(false, 100, 0, 100));
        flushed += 100;
        if (decide_compaction(files, 0, kPolicy) == CompactionReason::none) continue;
        rewritten += flushed;
        files = {file(true, flushed, 0, flushed)};
    }
    EXPECT_LE(rewritten, flushed * 12);
    EXPECT_LE(files.size(), 2049u);
}

TEST(IoBudgetTest, SpendsASecondAtOnceAndThenAtItsRate) {
    IoBudget budget(1000);
    const auto start = IoBudget::Clock::now();
    EXPECT_EQ(budget.reserve(1000, start).count(), 0);
    EXPECT_EQ(budget.reserve(500, start), milliseconds(500));
    EXPECT_EQ(budget.reserve(500, start + seconds(1)), milliseconds(0));
    EXPECT_EQ(budget.reserve(3000, start + seconds(100)), seconds(2)) << "what was not used is gone";
    IoBudget unlimited(0);
    EXPECT_EQ(unlimited.reserve(std::uint64_t{1} << 60, start).count(), 0);
}

TEST(IoBudgetTest, StopEndsTheWait) {
    IoBudget budget(1);
    std::atomic<bool> stop{false};
    std::thread stopper([&] {
        std::this_thread::sleep_for(milliseconds(50));
        stop = true;
    });
    const auto start = IoBudget::Clock::now();
    budget.take(1'000'000, stop);
    EXPECT_LT(IoBudget::Clock::now() - start, seconds(10));
    stopper.join();
}

}  // namespace
}  // namespace dl::slave
