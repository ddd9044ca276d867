// Kills a real process at each crash point of the log, on real files, and recovers: what it acknowledged is
// there.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/slave/log/log_fixture.h"

#ifdef DL_FAILPOINTS
namespace dl::slave {
namespace {

using namespace test;

constexpr std::uint64_t kSegmentBytes = 8192;

std::string body_at(Offset offset) {
    return body_of(static_cast<std::size_t>(500 + offset % 700));
}

// Runs in the child: appends groups of three for ever, and reports what is acknowledged.
TEST(LogKillChild, DISABLED_Run) {
    const std::string directory = std::getenv("DL_KILL_DIRECTORY");
    auto opened = open_log(posix_file_system(), directory, kSegmentBytes);
    ASSERT_FALSE(opened.error) << opened.error->to_text();
    for (int i = 0; i < 100; ++i) {
        const auto begin = opened.log->end_offset();
        std::vector<StoredBatch> group;
        for (Offset j = 0; j < 3; ++j)
            group.push_back(make_batch(body_at(begin + j)));
        ASSERT_OK(append_and_sync(*opened.log, group));
        std::ofstream(directory + "/acknowledged") << opened.log->end_offset();
    }
}

struct Stopped {
    bool killed = false;
    Offset acknowledged = 0;
};

Stopped run_child(const std::string& directory, const std::string& failpoint,
                  const std::string& test = "LogKillChild.DISABLED_Run") {
    const auto filter = "--gtest_filter=" + test;
    const pid_t child = ::fork();
    if (child == 0) {
        ::setenv("DL_FAILPOINT", failpoint.c_str(), 1);
        ::setenv("DL_KILL_DIRECTORY", directory.c_str(), 1);
        ::execl("/proc/self/exe", "child", filter.c_str(), "--gtest_also_run_disabled_tests",
                "--gtest_brief=1", nullptr);
        ::_exit(9);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    Stopped stopped{WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, 0};
    std::ifstream(directory + "/acknowledged") >> stopped.acknowledged;
    return stopped;
}

class LogKill : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Points, LogKill,
                         ::testing::Values("append.before-log-write", "append.mid-log-write",
                                           "append.after-log-write", "append.before-fsync",
                                           "append.after-fsync", "roll.before-create", "roll.after-create",
                                           "roll.before-dir-fsync", "roll.after-seal"));

TEST_P(LogKill, AcknowledgedBatchesSurvive) {
    const auto directory =
        ::testing::TempDir() + "dl_kill_" + std::to_string(::getpid()) + "_" + std::string(GetParam());
    std::filesystem::remove_all(directory);
    for (const int pass : {1, 4}) {  // on an empty log, then on what the first kill left
        const auto stopped = run_child(directory, std::string(GetParam()) + ":kill:" + std::to_string(pass));
        ASSERT_TRUE(stopped.killed);
        auto opened = open_log(posix_file_system(), directory, kSegmentBytes);
        ASSERT_FALSE(opened.error) << opened.error->to_text();
        EXPECT_GE(opened.log->end_offset(), stopped.acknowledged);
        EXPECT_LE(opened.log->end_offset(), stopped.acknowledged + 3);
        Offset next = 0;
        for (const auto& batch : opened.replayed) {
            ASSERT_EQ(batch.header.base_offset, next);
            ASSERT_EQ(batch.body.view(), body_at(next));
            ++next;
        }
        ASSERT_EQ(next, opened.log->end_offset());
    }
    std::filesystem::remove_all(directory);
}

// Runs in the child: appends, then cuts at a third, and reports when that is done.
TEST(LogKillChild, DISABLED_Cut) {
    const std::string directory = std::getenv("DL_KILL_DIRECTORY");
    auto opened = open_log(posix_file_system(), directory, kSegmentBytes);
    ASSERT_FALSE(opened.error) << opened.error->to_text();
    for (int i = 0; i < 30; ++i) {
        std::vector<StoredBatch> group;
        group.push_back(make_batch(body_at(opened.log->end_offset())));
        ASSERT_OK(append_and_sync(*opened.log, group));
    }
    ASSERT_OK(opened.log->truncate_from(10, LeaderEpoch{1}));
    std::ofstream(directory + "/acknowledged") << 10;
}

class LogKillCut : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Points, LogKillCut,
                         ::testing::Values("truncate.before", "truncate.between-truncate-and-epoch-cache",
                                           "truncate.after"));

TEST_P(LogKillCut, LeavesALogWithoutAGapThatReachesTheCut) {
    const auto directory =
        ::testing::TempDir() + "dl_kill_" + std::to_string(::getpid()) + "_" + std::string(GetParam());
    std::filesystem::remove_all(directory);
    const auto stopped =
        run_child(directory, std::string(GetParam()) + ":kill:1", "LogKillChild.DISABLED_Cut");
    ASSERT_TRUE(stopped.killed);
    auto opened = open_log(posix_file_system(), directory, kSegmentBytes);
    ASSERT_FALSE(opened.error) << opened.error->to_text();
    EXPECT_EQ(opened.log->end_offset(), std::string(GetParam()) == "truncate.before" ? 30 : 10);
    Offset next = 0;
    for (const auto& batch : opened.replayed) {
        ASSERT_EQ(batch.header.base_offset, next);
        ASSERT_EQ(batch.body.view(), body_at(next++));
    }
    EXPECT_EQ(next, opened.log->end_offset());
    std::filesystem::remove_all(directory);
}

TEST(LogKillRecovery, ASecondCrashWhileRecoveringChangesNothing) {
    const auto directory = ::testing::TempDir() + "dl_kill_" + std::to_string(::getpid()) + "_recovery";
    std::filesystem::remove_all(directory);
    const auto first = run_child(directory, "append.mid-log-write:kill:3");
    ASSERT_TRUE(first.killed);
    const auto second = run_child(directory, "recovery.after-cut:kill:1");
    ASSERT_TRUE(second.killed);
    EXPECT_EQ(second.acknowledged, 6);
    auto opened = open_log(posix_file_system(), directory, kSegmentBytes);
    ASSERT_FALSE(opened.error) << opened.error->to_text();
    EXPECT_GE(opened.log->end_offset(), 6);
    EXPECT_EQ(opened.recovered.torn_bytes_dropped, 0u);
    std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace dl::slave
#endif
