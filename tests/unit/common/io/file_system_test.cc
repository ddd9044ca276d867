#include "common/io/file_system.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <filesystem>
#include <functional>

#include "common/io/paced_write_back.h"
#include "tests/support/sim_file_system.h"

namespace dl {
namespace {

// What both file systems promise.
class FileSystems : public ::testing::TestWithParam<bool> {
  protected:
    void SetUp() override {
        static int counter = 0;
        root_ =
            ::testing::TempDir() + "dl_io_" + std::to_string(::getpid()) + "_" + std::to_string(counter++);
        ASSERT_FALSE(files().create_directories(root_ + "/deep/below").has_error());
    }
    void TearDown() override { EXPECT_FALSE(files().remove_tree(root_).has_error()); }
    FileSystem& files() { return GetParam() ? posix_file_system() : static_cast<FileSystem&>(sim_); }
    std::string path(const std::string& name) const { return root_ + "/" + name; }

    SimFileSystem sim_;
    std::string root_;
};
INSTANTIATE_TEST_SUITE_P(Both, FileSystems, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Posix" : "Sim"; });

TEST_P(FileSystems, WriteBackOfAGrowingFile) {
    PacedWriteBack early(files(), path("f"));
    early.wrote(PacedWriteBack::kStepBytes);  // before there is a file
    auto file = files().open_append(path("f"), true);
    ASSERT_FALSE(file.has_error()) << file.error().to_text();
    const std::string text(1u << 20, 'x');
    const std::string_view part = text;
    for (int i = 0; i < 9; ++i) {
        ASSERT_FALSE((*file)->append({&part, 1}).has_error());
        early.wrote(text.size());
    }
    EXPECT_FALSE(files().start_write_back(path("f")).has_error());
    EXPECT_FALSE(files().sync_file(path("f")).has_error());
    EXPECT_EQ(files().read_all(path("f"))->size(), 9 * text.size());
}

TEST_P(FileSystems, AppendsManyPartsAndReadsAnyRange) {
    auto file = files().open_append(path("f"), true);
    ASSERT_FALSE(file.has_error()) << file.error().to_text();
    std::string all;
    // More parts than one system call takes, some of them empty.
    std::vector<std::string> pieces;
    for (int i = 0; i < 3 * IOV_MAX; ++i)
        pieces.push_back(i % 5 == 0 ? "" : std::to_string(i));
    for (int round = 0; round < 3; ++round) {
        std::vector<std::string_view> parts(pieces.begin(), pieces.end());
        for (const auto& piece : pieces)
            all += piece;
        ASSERT_FALSE((*file)->append(parts).has_error());
        EXPECT_EQ((*file)->size(), all.size());
        ASSERT_FALSE((*file)->sync().has_error());
    }
    EXPECT_EQ(*files().file_size(path("f")), all.size());
    const auto reader = *files().open_read(path("f"));
    EXPECT_EQ(reader->read(0, all.size() + 100)->view(), all);
    EXPECT_EQ(reader->read(5, 10)->view(), all.substr(5, 10));
    EXPECT_EQ(reader->read(all.size() - 3, 10)->view(), all.substr(all.size() - 3));
    EXPECT_TRUE(reader->read(all.size() + 1, 1 << 20)->empty());
    EXPECT_EQ(reader->map()->view(), all);
    EXPECT_EQ(*files().read_all(path("f")), all);
    ASSERT_FALSE((*file)->truncate(7).has_error());
    const std::string_view more[] = {"more"};
    ASSERT_FALSE((*file)->append(more).has_error());
    file->reset();
    EXPECT_EQ(*files().read_all(path("f")), all.substr(0, 7) + "more");
}

TEST_P(FileSystems, OpeningSaysWhatIsMissingOrThere) {
    EXPECT_EQ(files().open_append(path("f"), false).error().code, ErrorCode::not_found);
    EXPECT_EQ(files().open_read(path("f")).error().code, ErrorCode::not_found);
    EXPECT_EQ(files().read_all(path("f")).error().code, ErrorCode::not_found);
    EXPECT_EQ(files().remove(path("f")).error().code, ErrorCode::not_found);
    EXPECT_EQ(files().file_size(path("f")).error().code, ErrorCode::not_found);
    EXPECT_EQ(files().list(path("nowhere")).error().code, ErrorCode::not_found);
    EXPECT_NE(files().open_read(path("f")).error().message.find(path("f")), std::string::npos);
    ASSERT_FALSE(files().open_append(path("f"), true).has_error());
    EXPECT_TRUE(files().open_append(path("f"), true).has_error());
    EXPECT_FALSE(files().open_append(path("f"), false).has_error());
    EXPECT_TRUE(files().open_append(path("no/where"), true).has_error());
}

TEST_P(FileSystems, ReplacesListsRenamesAndRemoves) {
    ASSERT_FALSE(files().replace_atomically(path("b"), "first").has_error());
    ASSERT_FALSE(files().replace_atomically(path("b"), "second").has_error());
    ASSERT_FALSE(files().replace_atomically(path("a"), "").has_error());
    EXPECT_EQ(*files().read_all(path("b")), "second");
    EXPECT_EQ(*files().list(root_), (std::vector<std::string>{"a", "b", "deep"}));
    const auto held = *files().open_read(path("b"));
    ASSERT_FALSE(files().rename(path("b"), path("deep/c")).has_error());
    EXPECT_FALSE(*files().exists(path("b")));
    ASSERT_FALSE(files().sync_file(path("deep/c")).has_error());
    ASSERT_FALSE(files().sync_directory(path("deep")).has_error());
    ASSERT_FALSE(files().remove(path("deep/c")).has_error());
    EXPECT_EQ(held->read(0, 100)->view(), "second");  // readable after its name is gone
    ASSERT_FALSE(files().remove_tree(path("deep")).has_error());
    EXPECT_FALSE(*files().exists(path("deep/below")));
    EXPECT_FALSE(files().remove_tree(path("deep")).has_error());
    EXPECT_GT(*files().free_bytes(root_), 0u);
}

// "Nothing there" is an answer one deletes by; a disk that does not answer is none.
TEST(PosixFiles, WhatCannotBeLookedForIsAnError) {
    const auto asked = posix_file_system().exists("/tmp/" + std::string(300, 'x'));
    ASSERT_TRUE(asked.has_error());
    EXPECT_EQ(asked.error().code, ErrorCode::io_error);
    EXPECT_FALSE(*posix_file_system().exists("/dev/null/below"));
}

TEST_P(FileSystems, ALockIsHeldByOne) {
    auto first = files().lock(path("lock"));
    ASSERT_FALSE(first.has_error());
    const auto refused = files().lock(path("lock")).error();
    EXPECT_EQ(refused.code, ErrorCode::unavailable);
    if (GetParam()) {
        EXPECT_NE(refused.message.find("is locked by process " + std::to_string(::getpid()) + ","),
                  std::string::npos)
            << refused.message;
    }
    first->reset();
    EXPECT_FALSE(files().lock(path("lock")).has_error());
}

TEST_P(FileSystems, ALockIsRefusedToASecondProcess) {
    if (!GetParam()) GTEST_SKIP() << "the simulated one lives in one process";
    auto held = files().lock(path("lock"));
    ASSERT_FALSE(held.has_error());
    const auto locked_by_child = [&] {
        const pid_t child = ::fork();
        if (child == 0) {
            const auto lock = posix_file_system().lock(path("lock"));
            ::_exit(!lock.has_error() ? 1 : lock.error().code == ErrorCode::unavailable ? 2 : 3);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        return WEXITSTATUS(status);
    };
    // The child has a copy of the descriptor, as after any fork; opening the file anew is what counts.
    EXPECT_EQ(locked_by_child(), 2);
    held->reset();
    EXPECT_EQ(locked_by_child(), 1);
}

TEST(PosixFileSystem, BlocksAllocatedAheadAreGivenBackAndNeverShow) {
    const auto path = ::testing::TempDir() + "dl_io_ahead_" + std::to_string(::getpid());
    auto file = *posix_file_system().open_append(path, true);
    const std::string bytes(100'000, 'x');
    const std::string_view parts[] = {bytes};
    for (std::uint64_t i = 1; i <= 20; ++i) {
        ASSERT_FALSE(file->append(parts).has_error());
        ASSERT_EQ(*posix_file_system().file_size(path), i * bytes.size());
    }
    file.reset();
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_LE(info.st_blocks * 512, 2'000'000 + 8192);
    ASSERT_FALSE(posix_file_system().remove(path).has_error());
}

}  // namespace
}  // namespace dl
