#include "data-lake-client/cli/load/new_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace datalake::cli {
namespace {

namespace fs = std::filesystem;

class NewFileTest : public ::testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/new_file_test.XXXXXX";
        directory_ = ::mkdtemp(name);
    }
    void TearDown() override { fs::remove_all(directory_); }
    std::string path(const std::string& name) const { return directory_ + "/" + name; }
    static std::string text(const std::string& path) {
        std::ifstream in(path);
        std::ostringstream out;
        out << in.rdbuf();
        return out.str();
    }
    std::size_t files() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(directory_), fs::directory_iterator()));
    }
    std::string directory_;
};

TEST_F(NewFileTest, ReplacesWhatWasThereAtTheEndOnly) {
    std::ofstream(path("keep.csv")) << "before";
    ::chmod(path("keep.csv").c_str(), 0640);
    {
        NewFile file;
        ASSERT_TRUE(file.open(path("keep.csv")).ok());
        std::fputs("half", file.file());
        std::fflush(file.file());
        EXPECT_EQ(text(path("keep.csv")), "before");
    }
    EXPECT_EQ(text(path("keep.csv")), "before");
    EXPECT_EQ(files(), 1u) << "nothing is left of what was given up";
    NewFile file;
    ASSERT_TRUE(file.open(path("keep.csv")).ok());
    std::fputs("after", file.file());
    ASSERT_TRUE(file.finish().ok());
    EXPECT_EQ(text(path("keep.csv")), "after");
    EXPECT_EQ(files(), 1u);
    struct stat status {};
    ASSERT_EQ(::stat(path("keep.csv").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST_F(NewFileTest, AModeThatIsAskedForIsThatOfTheFileNewOrNot) {
    std::ofstream(path("old")) << "before";
    ::chmod(path("old").c_str(), 0644);
    for (const auto* name : {"old", "new"}) {
        NewFile file;
        ASSERT_TRUE(file.open(path(name), 0600).ok());
        std::fputs("after", file.file());
        ASSERT_TRUE(file.finish(NewFile::Sync::no).ok());
        EXPECT_EQ(text(path(name)), "after");
        struct stat status {};
        ASSERT_EQ(::stat(path(name).c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777, 0600u) << name;
    }
}

TEST_F(NewFileTest, ALinkStaysOne) {
    std::ofstream(path("real.csv")) << "before";
    fs::create_symlink("real.csv", path("link.csv"));
    NewFile file;
    ASSERT_TRUE(file.open(path("link.csv")).ok());
    std::fputs("after", file.file());
    ASSERT_TRUE(file.finish().ok());
    EXPECT_TRUE(fs::is_symlink(path("link.csv")));
    EXPECT_EQ(text(path("real.csv")), "after");
}

TEST_F(NewFileTest, SaysWhatCannotBeWritten) {
    NewFile directory, nowhere;
    EXPECT_EQ(directory.open(directory_).error().code(), ErrorCode::invalid_argument);
    EXPECT_EQ(nowhere.open(path("no/such.csv")).error().code(), ErrorCode::invalid_argument);
    NewFile full;
    ASSERT_TRUE(full.open("/dev/full").ok());
    std::fputs("x", full.file());
    EXPECT_EQ(full.finish().error().code(), ErrorCode::io_error);
}

TEST_F(NewFileTest, KnowsAFileUnderAnotherName) {
    std::ofstream(path("a.csv")) << "x";
    std::ofstream(path("b.csv")) << "x";
    fs::create_hard_link(path("a.csv"), path("hard.csv"));
    fs::create_symlink("a.csv", path("soft.csv"));
    for (const auto* name : {"a.csv", "./a.csv", "hard.csv", "soft.csv"})
        EXPECT_TRUE(is_same_file(path("a.csv"), path(name))) << name;
    EXPECT_FALSE(is_same_file(path("a.csv"), path("b.csv")));
    EXPECT_FALSE(is_same_file(path("a.csv"), path("none.csv")));
    EXPECT_FALSE(is_same_file("/dev/null", "/dev/null")) << "devices are not destroyed";
}

}  // namespace
}  // namespace datalake::cli
