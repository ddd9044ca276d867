#include "slave/replication/recent_batches.h"

#include <gtest/gtest.h>

namespace dl::slave {
namespace {

StoredBatch batch(Offset first, std::uint32_t count, std::size_t bytes = 100) {
    StoredBatch stored;
    stored.header.base_offset = first;
    stored.header.count = count;
    stored.header.body_bytes = static_cast<std::uint32_t>(bytes);
    stored.body = SharedBytes::from_string(std::string(bytes, 'x'));
    return stored;
}

class RecentBatchesTest : public ::testing::Test {
  protected:
    void add(std::vector<StoredBatch> batches) { recent_.add(batches); }
    // "10+5 15+1" of what is read; "log": it is to be read from there.
    std::string read(Offset from, std::uint64_t bytes_max = 1u << 20) {
        const auto batches = recent_.read(from, bytes_max);
        if (!batches) return "log";
        std::string text;
        for (const auto& one : *batches)
            text += (text.empty() ? "" : " ") + std::to_string(one.header.base_offset) + "+" +
                    std::to_string(one.header.count);
        return text;
    }
    std::shared_ptr<RecentBatches::Budget> budget_ = std::make_shared<RecentBatches::Budget>();
    RecentBatches recent_{budget_};
};

TEST_F(RecentBatchesTest, GiveWholeBatchesFromTheOneThatHoldsTheOffset) {
    EXPECT_EQ(read(0), "log");
    add({batch(10, 5), batch(15, 1)});
    add({batch(16, 4)});
    EXPECT_EQ(read(9), "log") << "what lies before is in the log alone";
    EXPECT_EQ(read(10), "10+5 15+1 16+4");
    EXPECT_EQ(read(14), "10+5 15+1 16+4");
    EXPECT_EQ(read(15), "15+1 16+4");
    EXPECT_EQ(read(19), "16+4");
    EXPECT_EQ(read(20), "log");
    EXPECT_EQ(read(10, 1), "10+5") << "at least one";
    EXPECT_EQ(read(10, 200), "10+5 15+1");
}

TEST_F(RecentBatchesTest, WhatEveryCopyHasIsLetGo) {
    add({batch(0, 5), batch(5, 5)});
    recent_.drop_below(7);
    EXPECT_EQ(read(4), "log");
    EXPECT_EQ(read(5), "5+5");
    recent_.drop_below(10);
    EXPECT_EQ(read(9), "log");
    EXPECT_EQ(budget_->used, 0u);
}

TEST_F(RecentBatchesTest, NeverHaveAGap) {
    add({batch(0, 5)});
    add({batch(7, 5)});  // the log was cut, or another leader wrote
    EXPECT_EQ(read(0), "log");
    EXPECT_EQ(read(7), "7+5");
}

TEST_F(RecentBatchesTest, ANodeKeepsNoMoreThanItMay) {
    budget_->bytes_max = 500;
    RecentBatches other(budget_);
    other.add(std::vector{batch(0, 1, 100)});
    add({batch(0, 1, 100)});
    EXPECT_EQ(read(0), "0+1");
    add({batch(1, 1, 200)});
    EXPECT_EQ(read(0), "log");
    EXPECT_EQ(read(1), "log");
    EXPECT_EQ(budget_->used, 100 + RecordBatchHeader::kHeaderBytes + 4) << "what the other has, padded";
    add({batch(2, 1, 100)});
    EXPECT_EQ(read(1), "log");
    EXPECT_EQ(read(2), "2+1") << "there is room again";
    recent_.clear();
    other.clear();
    EXPECT_EQ(budget_->used, 0u);
}

}  // namespace
}  // namespace dl::slave
