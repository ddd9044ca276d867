// That the simulated disk is as bad as it says: tests built on it prove something only then.
#include "tests/support/sim_file_system.h"

#include <gtest/gtest.h>

#include <set>

namespace dl {
namespace {

void write(WritableFile& file, std::string_view bytes) {
    const std::string_view parts[] = {bytes};
    ASSERT_FALSE(file.append(parts).has_error());
}

std::string after_crash(std::uint64_t seed, bool sync_directory) {
    SimFileSystem files;
    auto file = *files.open_append("/f", true);
    if (sync_directory) {
        EXPECT_FALSE(files.sync_directory("/").has_error());
    }
    write(*file, "synced");
    EXPECT_FALSE(file->sync().has_error());
    write(*file, std::string(3000, 'n'));
    files.crash(seed);
    EXPECT_TRUE(file->sync().has_error()) << "a handle of before the crash";
    const auto content = files.read_all("/f");
    return content.has_error() ? "gone" : *content;
}

TEST(SimFileSystem, ACrashKeepsWhatWasSyncedAndAnyPartOfTheRest) {
    std::set<std::string> outcomes;
    std::size_t whole = 0, none = 0, garbage = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        const auto content = after_crash(seed, true);
        ASSERT_EQ(content.substr(0, 6), "synced") << seed;
        ASSERT_EQ(content, after_crash(seed, true)) << "one seed, one outcome";
        outcomes.insert(content);
        whole += content == "synced" + std::string(3000, 'n');
        none += content == "synced";
        garbage += content.find_first_not_of(std::string_view("n\0", 2), 6) != std::string::npos;
    }
    EXPECT_GT(outcomes.size(), 50u);
    EXPECT_GT(whole, 0u);
    EXPECT_GT(none, 0u);
    EXPECT_GT(garbage, 20u);
}

TEST(SimFileSystem, ANameIsDurableWithItsDirectoryOnly) {
    std::size_t gone = 0;
    for (std::uint64_t seed = 0; seed < 100; ++seed)
        gone += after_crash(seed, false) == "gone";
    EXPECT_GT(gone, 20u);
    EXPECT_LT(gone, 80u);
}

TEST(SimFileSystem, AnUnsyncedRenameOrRemovalMayBeUndoneButReplaceAtomicallyIsDurable) {
    std::set<std::string> renamed;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        SimFileSystem files;
        ASSERT_FALSE(files.replace_atomically("/a", "old").has_error());
        ASSERT_FALSE(files.replace_atomically("/a", "new").has_error());
        ASSERT_FALSE(files.rename("/a", "/b").has_error());
        files.crash(seed);
        const auto a = files.read_all("/a");
        const auto b = files.read_all("/b");
        ASSERT_NE(a.has_error(), b.has_error());
        ASSERT_EQ(a.has_error() ? *b : *a, "new");
        renamed.insert(a.has_error() ? "b" : "a");
    }
    EXPECT_EQ(renamed.size(), 2u);
}

TEST(SimFileSystem, ASyncThatSucceedsAfterAFailedOneHasLostTheData) {
    SimFileSystem files;
    auto file = *files.open_append("/f", true);
    ASSERT_FALSE(files.sync_directory("/").has_error());
    write(*file, "lost");
    files.fail(SimCall::sync, 1, SimFault::io_error);
    EXPECT_EQ(file->sync().error().code, ErrorCode::io_error);
    EXPECT_FALSE(file->sync().has_error());
    EXPECT_EQ(*files.read_all("/f"), "lost");  // the page cache still has it
    files.crash(1);
    EXPECT_EQ(*files.read_all("/f"), std::string(4, '\0'));
}

TEST(SimFileSystem, FaultsHitTheCallAskedFor) {
    SimFileSystem files;
    auto file = *files.open_append("/f", true);
    files.fail(SimCall::append, 2, SimFault::disk_full);
    write(*file, "one");
    const std::string_view parts[] = {"1234"};
    EXPECT_EQ(file->append(parts).error().code, ErrorCode::disk_full);
    EXPECT_EQ(*files.read_all("/f"), "one12");
    write(*file, "two");
    files.power_off_after(2);
    write(*file, "three");
    EXPECT_TRUE(file->append(parts).has_error());
    EXPECT_TRUE(file->sync().has_error());
    EXPECT_TRUE(files.sync_directory("/").has_error());
    files.crash(0);
    EXPECT_FALSE(files.sync_directory("/").has_error());
}

}  // namespace
}  // namespace dl
