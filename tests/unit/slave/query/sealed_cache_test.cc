#include "slave/query/sealed_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace dl::slave {
namespace {

class SealedCacheTest : public ::testing::Test {
  protected:
    static std::shared_ptr<const std::string> text(std::size_t bytes) {
        return std::make_shared<const std::string>(bytes, 'x');
    }
    SealedCache::Memory get(const std::shared_ptr<const std::string>& of) {
        auto memory = cache_.get({of.get()}, of, [&] {
            ++made_;
            const std::string_view part = *of;
            return SealedMemory::copy_of({&part, 1});
        });
        EXPECT_TRUE(memory) << memory.error().to_text();
        return *memory;
    }
    SealedCache cache_{1000};
    int made_ = 0;
};

TEST_F(SealedCacheTest, MakesOneCopyAndKeepsWhatItIsMadeOf) {
    auto a = text(400);
    const auto first = get(a);
    EXPECT_EQ(get(a), first);
    EXPECT_EQ(made_, 1);
    const std::weak_ptr<const std::string> alive = a;
    a.reset();
    EXPECT_FALSE(alive.expired()) << "another one could get its address";
    cache_.expire(SealedCache::Clock::now() + SealedCache::kKept / 2);
    EXPECT_FALSE(alive.expired());
    cache_.expire(SealedCache::Clock::now() + SealedCache::kKept);
    EXPECT_TRUE(alive.expired());
    EXPECT_EQ(cache_.bytes(), 0u);
    EXPECT_EQ(first->size(), 400u) << "who has it keeps it";
}

TEST_F(SealedCacheTest, HoldsNoMoreThanItsBound) {
    const auto a = text(400), b = text(400), c = text(400), huge = text(1001);
    get(a);
    get(b);
    get(a);
    get(c);  // b was asked for longest ago
    EXPECT_EQ(cache_.bytes(), 800u);
    made_ = 0;
    get(a);
    EXPECT_EQ(made_, 0);
    get(b);
    EXPECT_EQ(made_, 1);
    get(huge);
    EXPECT_LE(cache_.bytes(), 1000u);
}

}  // namespace
}  // namespace dl::slave
