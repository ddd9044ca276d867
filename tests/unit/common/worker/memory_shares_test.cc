#include "common/worker/memory_shares.h"

#include <gtest/gtest.h>

#include <vector>

namespace dl {
namespace {

TEST(MemoryShares, EachIsHalfOfWhatIsFreeAndNoneTooSmall) {
    constexpr std::uint64_t kMi = 1u << 20;
    MemoryShares shares(1024 * kMi, 4096 * kMi, 8);
    std::vector<MemoryShares::Share> lent;
    std::uint64_t total = 0;
    for (int i = 0; i < 8; ++i) {
        lent.push_back(shares.lend());
        total += lent.back().memory_bytes();
        EXPECT_GE(lent.back().memory_bytes(), 64 * kMi);
        EXPECT_EQ(lent.back().spill_bytes(), 4 * lent.back().memory_bytes());
    }
    EXPECT_EQ(lent[0].memory_bytes(), 512 * kMi);
    EXPECT_EQ(lent[1].memory_bytes(), 256 * kMi);
    EXPECT_LE(total, 1280 * kMi);
    lent.clear();
    EXPECT_EQ(shares.lend().memory_bytes(), 512 * kMi) << "what was lent came back";
    MemoryShares little(64 * kMi, 0, 64);
    const auto first = little.lend();
    const auto second = little.lend();
    EXPECT_EQ(second.memory_bytes(), MemoryShares::kShareMin);
    EXPECT_EQ(second.spill_bytes(), 0u);
}

TEST(MemoryShares, ResultsThatNobodyReadsDoNotTakeManyTimesTheMemory) {
    constexpr std::uint64_t kMi = 1u << 20;
    MemoryShares shares(3072 * kMi, 0, 4);
    std::vector<MemoryShares::Share> lent;
    std::uint64_t total = 0;
    for (int i = 0; i < 64; ++i) {
        lent.push_back(shares.lend());
        total += lent.back().memory_bytes();
        EXPECT_GE(lent.back().memory_bytes(), i < 4 ? 384 * kMi : MemoryShares::kShareMin);
    }
    EXPECT_LE(total, (2 * 3072 + 384 + 64 * 32) * kMi);
}

}  // namespace
}  // namespace dl
