#include "slave/parquet/chunk_guide_cache.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

namespace dl::slave::test {
namespace {

std::shared_ptr<const ChunkGuide> guide_of(std::size_t bytes) {
    auto guide = std::make_shared<ChunkGuide>();
    guide->pages.resize(1);
    guide->pages[0].levels.assign(bytes, 'x');
    return guide;
}

TEST(ChunkGuideCacheTest, GivesWhatWasKept) {
    ChunkGuideCache cache(100'000);
    EXPECT_EQ(cache.find({1, 2}), nullptr);
    const auto first = guide_of(10), second = guide_of(20);
    cache.keep({1, 2}, first);
    cache.keep({1, 3}, second);
    EXPECT_EQ(cache.find({1, 2}), first);
    EXPECT_EQ(cache.find({1, 3}), second);
    EXPECT_EQ(cache.find({2, 2}), nullptr);
    cache.keep({1, 2}, guide_of(10));
    EXPECT_EQ(cache.find({1, 2}), first);
    EXPECT_EQ(cache.size(), 2u);
    EXPECT_GE(cache.bytes(), first->memory_bytes() + second->memory_bytes());
}

TEST(ChunkGuideCacheTest, DropsWhatWasNotUsedForLongest) {
    ChunkGuideCache cache(100'000);
    for (std::uint64_t i = 0; i < 8; ++i)
        cache.keep({1, i}, guide_of(10'000));
    const auto used = cache.find({1, 0});
    ASSERT_NE(used, nullptr);
    for (std::uint64_t i = 8; i < 13; ++i)
        cache.keep({1, i}, guide_of(10'000));
    EXPECT_EQ(cache.find({1, 0}), used);
    EXPECT_EQ(cache.find({1, 1}), nullptr);
    EXPECT_NE(cache.find({1, 12}), nullptr);
    EXPECT_LE(cache.bytes(), 100'000u);
    EXPECT_GE(cache.size(), 8u);
}

TEST(ChunkGuideCacheTest, TakesNothingThatIsTooLargeAndNothingAtAllAtZero) {
    ChunkGuideCache cache(100'000);
    cache.keep({1, 1}, guide_of(10));
    cache.keep({1, 2}, guide_of(100'000));
    EXPECT_EQ(cache.find({1, 2}), nullptr);
    EXPECT_NE(cache.find({1, 1}), nullptr);
    ChunkGuideCache none(0);
    none.keep({1, 1}, guide_of(0));
    EXPECT_EQ(none.size(), 0u);
    EXPECT_EQ(none.bytes(), 0u);
}

TEST(ChunkGuideCacheTest, StaysWithinItsLimitUnderManyThreads) {
    static constexpr std::size_t kLimit = 4u << 20;
    ChunkGuideCache cache(kLimit);
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 4; ++t) {
        threads.emplace_back([&cache, t] {
            std::mt19937 random(t);
            for (int i = 0; i < 5000; ++i) {
                const ChunkGuideCache::Key key{random() % 10, random() % 1000};
                const auto bytes = (key.file * 1000 + key.chunk) % 4096;
                const auto found = cache.find(key);
                if (found == nullptr) cache.keep(key, guide_of(bytes));
                EXPECT_TRUE(found == nullptr || found->pages[0].levels.size() == bytes);
                EXPECT_LE(cache.bytes(), kLimit);
            }
        });
    }
    for (auto& thread : threads)
        thread.join();
    EXPECT_GT(cache.size(), 500u);
}

}  // namespace
}  // namespace dl::slave::test
