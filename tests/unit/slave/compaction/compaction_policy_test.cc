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

TEST(CompactionPolicyTest, ManyLogFilesAreGrowthToo) {
    std::vector<PolicyFile> files = {file(true, 9, 0, 40), file(false, 9, 0, 20), file(false, 9, 0, 19)};
    EXPECT_EQ(decide_compaction(files, 0, kPolicy, kLogFilesForGrowth), CompactionReason::none);
    files[2].bytes = 20;
    EXPECT_EQ(decide_compaction(files, 0, kPolicy, kLogFilesForGrowth - 1), CompactionReason::none);
    EXPECT_EQ(decide_compaction(files, 0, kPolicy, kLogFilesForGrowth), CompactionReason::growth);
}

PolicyFile flushed(std::uint64_t plain_bytes) {
    return {.rows = 10, .bytes = plain_bytes / 2, .plain_bytes = plain_bytes};
}

TEST(JoinPolicyTest, AsManyOfATierAsTheSettingSaysAreJoined) {
    const CompactionPolicy policy{.join_files = 4};
    std::vector<PolicyFile> files = {file(true, 9, 0, 40), flushed(100), flushed(200), flushed(300)};
    EXPECT_EQ(decide_join(files, policy), std::nullopt);
    files.push_back(flushed(50));
    EXPECT_EQ(decide_join(files, policy), (JoinRange{1, 5}));
    EXPECT_EQ(decide_join(files, CompactionPolicy{}), std::nullopt);
    // Those of a higher tier are not rewritten for the sake of a few small ones.
    files[1] = files[2] = flushed(kSmallestTierBytes * 5);
    EXPECT_EQ(decide_join(files, policy), std::nullopt);
    files.insert(files.end(), 2, flushed(70));
    EXPECT_EQ(decide_join(files, policy), (JoinRange{3, 7}));
    // The small ones before a large one count as its like.
    files = {flushed(100), flushed(100), flushed(kSmallestTierBytes), flushed(kSmallestTierBytes * 2)};
    EXPECT_EQ(decide_join(files, policy), (JoinRange{0, 4}));
}

TEST(JoinPolicyTest, NoFileReachesOverLostRecords) {
    const CompactionPolicy policy{.join_files = 4};
    std::vector<PolicyFile> files(6, flushed(100));
    files[3].behind_gap = true;
    EXPECT_EQ(decide_join(files, policy), std::nullopt);
    files.push_back(flushed(100));
    EXPECT_EQ(decide_join(files, policy), (JoinRange{3, 7}));
    files.assign(8, flushed(100));
    files[5].behind_gap = true;
    EXPECT_EQ(decide_join(files, policy), (JoinRange{0, 5})) << "those before the gap by themselves";
    files.insert(files.begin(), file(true, 9, 0, 40));
    EXPECT_EQ(decide_join(files, policy), (JoinRange{1, 6}));
}

TEST(JoinPolicyTest, NothingBecomesLargerThanMayBe) {
    const CompactionPolicy policy{.join_files = 4};
    std::vector<PolicyFile> files(20, flushed(kJoinedFileBytesMax / 4));
    EXPECT_EQ(decide_join(files, policy), std::nullopt);
    files.assign(20, flushed(kJoinedFileBytesMax / 5));
    EXPECT_EQ(decide_join(files, policy), (JoinRange{0, 5}));
}

// The number of files stays small and so does what is rewritten, whatever the sizes.
TEST(JoinPolicyTest, FilesAndRewritesStayFew) {
    constexpr std::uint64_t kFlushBytes = 363u << 10;
    for (const bool uneven : {false, true}) {
        const CompactionPolicy policy{.join_files = 8};
        std::vector<PolicyFile> files;
        std::uint64_t written = 0, rewritten = 0;
        std::size_t most = 0;
        while (written < 200u << 20) {
            files.push_back(flushed(uneven && files.size() % 3 == 0 ? kFlushBytes / 20 : kFlushBytes));
            written += files.back().plain_bytes;
            while (const auto range = decide_join(files, policy)) {
                PolicyFile joined = flushed(0);
                for (auto i = range->begin; i < range->end; ++i)
                    joined.plain_bytes += files[i].plain_bytes;
                rewritten += joined.plain_bytes;
                files.erase(files.begin() + static_cast<std::ptrdiff_t>(range->begin) + 1,
                            files.begin() + static_cast<std::ptrdiff_t>(range->end));
                files[range->begin] = joined;
            }
            most = std::max(most, files.size());
        }
        EXPECT_LE(most, 30u) << uneven;
        EXPECT_LE(rewritten, 4 * written) << uneven;
    }
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
