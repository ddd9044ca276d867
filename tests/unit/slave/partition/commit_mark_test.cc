// What is committed is known also after the partition was opened again, and cut by nobody.
#include "slave/partition/commit_mark.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "slave/partition/cut_records.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave {
namespace {

using namespace test;
using std::chrono::milliseconds;

class CommitMark : public PartitionFixture {
  protected:
    void SetUp() override {
        options_.synced_is_committed = false;
        PartitionFixture::SetUp();
    }
    void append_uncommitted(std::int64_t key) {
        const auto before = partition_->stats().syncs;
        acks_.push_back(append_later({{key, "row", false}}));
        while (partition_->stats().syncs == before)
            std::this_thread::sleep_for(milliseconds(1));
    }
    Offset marked() { return *read_commit_mark(posix_file_system(), directory_, table_.id, PartitionId{0}); }
    std::vector<std::future<Result<AppendAck>>> acks_;
};

TEST_F(CommitMark, WhatWasCommittedIsSeenAfterAStopInGoodOrder) {
    for (int i = 0; i < 5; ++i)
        append_uncommitted(i);
    ASSERT_TRUE(partition_->advance_high_watermark(3).has_value());
    reopen();
    EXPECT_EQ(partition_->end_offset(), 3) << "known to be committed before";
    EXPECT_EQ(partition_->copy()->ends().log_end, 5);
}

TEST_F(CommitMark, NoLeaderHasWhatIsCommittedCutAndWhatIsCutIsKept) {
    for (int i = 0; i < 5; ++i)
        append_uncommitted(i);
    ASSERT_TRUE(partition_->advance_high_watermark(3).has_value());
    reopen();
    auto& copy = *partition_->copy();
    copy.set_part(CopyPart::follower, LeaderEpoch{7}, nullptr);
    const auto refused = copy.cut(LeaderEpoch{7}, 2, LeaderEpoch{1});
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, ErrorCode::corrupt_data) << refused.error().to_text();
    EXPECT_EQ(copy.ends().log_end, 5);
    EXPECT_EQ(copy.cut(LeaderEpoch{7}, 3, LeaderEpoch{1}).value(), 3);
    std::size_t kept = 0;
    for (const auto& file : std::filesystem::directory_iterator(directory_))
        if (file.path().filename().string().starts_with("log.cut-7-3")) kept = file.file_size();
    EXPECT_GT(kept, 2 * RecordBatchHeader::kHeaderBytes) << "the two records that were cut";
}

TEST_F(CommitMark, ALogThatEndsBelowItDoesNotServe) {
    for (int i = 0; i < 5; ++i)
        append_uncommitted(i);
    ASSERT_TRUE(partition_->advance_high_watermark(3).has_value());
    partition_->close();
    ASSERT_TRUE(write_commit_mark(posix_file_system(), directory_, table_.id, PartitionId{0}, 9).has_value());
    const auto opened = try_open();
    ASSERT_TRUE(opened.has_error());
    EXPECT_EQ(opened.error().code, ErrorCode::corrupt_data);
    EXPECT_NE(opened.error().message.find("lost are offsets 5 to 8"), std::string::npos)
        << opened.error().message;
    // Without another copy the loss can be accepted by name; offsets are given to no other record (INV-19).
    PartitionContext context;
    context.files = files_;
    context.file_database = database_;
    context.now_us = [this] { return now_us_ += 1000; };
    context.uptime_us = [this] { return uptime_us_.load(); };
    const auto lost = Partition::lost_records(directory_, table_, PartitionId{0}, options_, context, true);
    ASSERT_TRUE(lost.has_value()) << lost.error().to_text();
    EXPECT_EQ(lost->back(), (LostRange{5, 9, true}));
    const auto again = try_open();
    ASSERT_TRUE(again.has_value()) << again.error().to_text();
    EXPECT_EQ((*again)->copy()->ends().log_end, 9);
}

TEST_F(CommitMark, TheBytesAreThoseOfTheFormatPage) {
    const std::string path = std::string(DL_GOLDEN_DIR) + "/log/committed-v1.bin";
    const auto bytes = encode_commit_mark(4711, TableId{12}, PartitionId{3});
    if (std::getenv("DL_REGENERATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << bytes;
    std::ostringstream golden;
    golden << std::ifstream(path, std::ios::binary).rdbuf();
    EXPECT_EQ(golden.str(), bytes);
    EXPECT_EQ(decode_commit_mark(golden.str(), TableId{12}, PartitionId{3}).value(), 4711);
    EXPECT_TRUE(decode_commit_mark(bytes, TableId{12}, PartitionId{4}).has_error());
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
        auto flipped = bytes;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
        EXPECT_TRUE(decode_commit_mark(flipped, TableId{12}, PartitionId{3}).has_error()) << bit;
    }
}

}  // namespace
}  // namespace dl::slave
