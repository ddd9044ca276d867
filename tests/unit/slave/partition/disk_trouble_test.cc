// What of a disk's trouble ends service for writes, and what does not; and that a commit which fails leaves
// nothing behind.
#include <set>

#include "slave/partition/disk_reserve.h"
#include "tests/unit/slave/partition/faulty_file_system.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave {
namespace {

using namespace test;
using Call = FaultyFileSystem::Call;

class DiskTrouble : public PartitionFixture {
  protected:
    void SetUp() override {
        files_ = &disk_;
        options_.compaction.automatic = false;
        PartitionFixture::SetUp();
    }
    void fail(Call call, std::string part, ErrorCode code) {
        disk_.set_fault([=](Call made, const std::string& path) -> std::optional<ErrorCode> {
            if (made == call && path.find(part) != std::string::npos) return code;
            return std::nullopt;
        });
    }
    void heal() { disk_.set_fault(nullptr); }
    Result<AppendAck> try_append(std::int64_t key, std::size_t bytes = 10) {
        return append_later({{key, std::string(bytes, 'x'), false}}).get();
    }
    std::set<std::string> snapshot_files() {
        const auto names = posix_file_system().list(directory_ + "/snapshots");
        return {names->begin(), names->end()};
    }
    FaultyFileSystem disk_;
};

TEST_F(DiskTrouble, AFailedSyncEndsServiceUntilThePartitionIsOpenedAnew) {
    append({{1, "a", false}});
    fail(Call::sync, ".log", ErrorCode::io_error);
    EXPECT_EQ(try_append(2).error().code, ErrorCode::io_error);
    ASSERT_TRUE(partition_->write_failure());
    EXPECT_EQ(try_append(3).error().code, ErrorCode::io_error);
    EXPECT_EQ(live().size(), 1u);  // reads go on
    fail(Call::sync, "", ErrorCode::io_error);
    EXPECT_FALSE(partition_->can_be_reopened());
    heal();
    EXPECT_EQ(try_append(4).error().code, ErrorCode::io_error);  // the sync is not tried again
    ASSERT_TRUE(partition_->can_be_reopened());
    reopen();
    EXPECT_FALSE(partition_->write_failure());
    EXPECT_TRUE(try_append(5).has_value());
    EXPECT_EQ(live(), (std::map<std::int64_t, std::string>{{1, "a"}, {5, std::string(10, 'x')}}));
}

TEST_F(DiskTrouble, AFullDiskRefusesAndWritingGoesOnByItself) {
    append({{1, "a", false}});
    fail(Call::append, ".log", ErrorCode::disk_full);
    EXPECT_EQ(try_append(2).error().code, ErrorCode::disk_full);
    EXPECT_FALSE(partition_->write_failure());
    heal();
    EXPECT_TRUE(try_append(3).has_value());
    EXPECT_EQ(live().size(), 2u);
    reopen();
    EXPECT_EQ(live().size(), 2u);
    EXPECT_EQ(records().size(), 2u);
}

TEST_F(DiskTrouble, NoNewLogFileAndNoIndexOfAnOldOneAreNoReason) {
    for (const auto call : {Call::rename, Call::create}) {
        const auto segments = partition_->stats().segments;
        fail(call, call == Call::rename ? ".idx" : ".log", ErrorCode::io_error);
        for (int i = 0; i < 20; ++i)
            ASSERT_TRUE(try_append(i, 900).has_value());
        EXPECT_FALSE(partition_->write_failure());
        EXPECT_EQ(partition_->stats().segments > segments, call == Call::rename);
        heal();
        for (int i = 0; i < 60; ++i)  // the change of files was put off until 1 MiB more
            ASSERT_TRUE(try_append(i % 20, 20'000).has_value());
        EXPECT_GT(partition_->stats().segments, segments);
    }
    ASSERT_TRUE(partition_->flush().has_value());
    EXPECT_EQ(live().size(), 20u);
    reopen();
    EXPECT_EQ(live().size(), 20u);
}

TEST_F(DiskTrouble, AFlushWhoseCommitFailsLeavesNothing) {
    for (int i = 0; i < 20; ++i)
        ASSERT_TRUE(try_append(i, 900).has_value());
    ASSERT_TRUE(partition_->flush().has_value());
    const auto before = snapshot_files();
    // As a change, and as a whole.
    disk_.set_fault([](Call call, const std::string& path) -> std::optional<ErrorCode> {
        if ((call == Call::append && path.ends_with("/manifest")) ||
            (call == Call::create && path.ends_with("/manifest.tmp")))
            return ErrorCode::disk_full;
        return std::nullopt;
    });
    for (int i = 0; i < 20; ++i)
        ASSERT_TRUE(try_append(100 + i, 900).has_value());
    EXPECT_TRUE(partition_->flush().has_error());
    EXPECT_TRUE(partition_->flush().has_error());
    close();  // what runs in the background too
    EXPECT_EQ(snapshot_files(), before);
    heal();
    open();
    ASSERT_TRUE(partition_->flush().has_value());
    EXPECT_EQ(live().size(), 40u);
}

TEST_F(DiskTrouble, ACompactionWhoseCommitFailsLeavesNothing) {
    for (int i = 0; i < 40; ++i)
        ASSERT_TRUE(try_append(i % 10, 900).has_value());
    ASSERT_TRUE(partition_->flush().has_value());
    disk_.set_fault([commits = 0](Call call, const std::string& path) mutable -> std::optional<ErrorCode> {
        // The first one is that of the flush.
        if ((call == Call::append || call == Call::rename) && path.ends_with("/manifest") && commits++ > 0)
            return ErrorCode::io_error;
        return std::nullopt;
    });
    EXPECT_TRUE(partition_->compress({}).has_error());
    const auto before = snapshot_files();
    EXPECT_TRUE(partition_->compress({}).has_error());
    EXPECT_TRUE(partition_->compress({}).has_error());
    EXPECT_EQ(snapshot_files(), before);
    heal();
    ASSERT_TRUE(partition_->compress({}).has_value());
    EXPECT_EQ(live().size(), 10u);
}

// The change was appended, or the rename made, and could not be synced: either manifest may be there after a
// crash.
TEST_F(DiskTrouble, WhatAManifestMayNameStays) {
    for (int i = 0; i < 40; ++i)
        ASSERT_TRUE(try_append(i % 10, 900).has_value());
    ASSERT_TRUE(partition_->flush().has_value());
    disk_.set_fault([this](Call call, const std::string& path) -> std::optional<ErrorCode> {
        if ((call == Call::sync_directory && path == directory_) ||
            (call == Call::sync && path.ends_with("/manifest")))
            return ErrorCode::io_error;
        return std::nullopt;
    });
    EXPECT_TRUE(partition_->compress({}).has_error());
    EXPECT_TRUE(partition_->compress({}).has_error());
    close();
    heal();
    open();
    EXPECT_EQ(live().size(), 10u);
    const auto checked = partition_->check({});
    ASSERT_TRUE(checked.has_value());
    EXPECT_EQ(checked->problems, std::vector<std::string>{});
}

TEST(DiskReserve, HoldsOverAllPartitionsOfADirectory) {
    FaultyFileSystem disk;
    disk.free_bytes_left = 1000;
    DiskReserve reserve(disk, "/data", 400);
    ASSERT_TRUE(reserve.take(300).has_value());
    ASSERT_TRUE(reserve.take(200).has_value());
    EXPECT_EQ(reserve.take(200).error().code, ErrorCode::disk_full);  // 500 of 600 are under way
    ASSERT_TRUE(reserve.take(100).has_value());
    reserve.written(600);
    disk.free_bytes_left = 400;
    EXPECT_EQ(reserve.take(100).error().code, ErrorCode::disk_full);
    disk.free_bytes_left = 5000;  // room again
    EXPECT_TRUE(reserve.take(100).has_value());
}

}  // namespace
}  // namespace dl::slave
