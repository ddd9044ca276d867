#include "slave/query/joined_sources.h"

#include <algorithm>
#include <mutex>
#include <thread>

#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::slave::test {
namespace {

using namespace dl::test;

class BrokenSource final : public MemorySource {
  public:
    using MemorySource::MemorySource;
    Result<std::optional<ScanUnit>> next() override { return make_error(ErrorCode::corrupt_data, "damaged"); }
};

class JoinedSourcesTest : public ::testing::Test {
  protected:
    static std::shared_ptr<MemorySource> source(Offset first, std::size_t units) {
        std::vector<ScanUnit> list(units);
        for (std::size_t i = 0; i < units; ++i)
            list[i].base_offset = first + static_cast<Offset>(i);
        return std::make_shared<MemorySource>(columns_, std::move(list));
    }
    static inline const std::vector<ScanColumn> columns_ = {field_column("f1", 1, "int")};
};

TEST_F(JoinedSourcesTest, EveryUnitComesOnceWhoeverAsks) {
    const auto first = source(0, 1000);
    const auto joined = one_after_the_other({first, source(0, 0), source(5000, 1), source(7000, 1000)});
    EXPECT_EQ(joined->columns().size(), 1u);
    EXPECT_EQ(joined->row_estimate(), 2'001'000u);
    for (int pass = 0; pass < 2; ++pass) {
        const auto fresh = joined->rewound();
        fresh->set_projection({0});
        std::mutex mutex;
        std::vector<Offset> seen;
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t)
            threads.emplace_back([&] {
                std::vector<Offset> mine;
                for (;;) {
                    const auto unit = fresh->next();
                    if (!unit || !*unit) break;
                    mine.push_back((*unit)->base_offset);
                }
                const std::lock_guard lock(mutex);
                seen.insert(seen.end(), mine.begin(), mine.end());
            });
        for (auto& thread : threads)
            thread.join();
        std::ranges::sort(seen);
        ASSERT_EQ(seen.size(), 2001u);
        EXPECT_EQ(std::ranges::adjacent_find(seen), seen.end());
        const auto after = fresh->next();
        ASSERT_TRUE(after);
        EXPECT_FALSE(*after);
    }
    EXPECT_EQ(first->shared_->projections.size(), 2u);
}

TEST_F(JoinedSourcesTest, AreReadInTheirOrder) {
    const auto joined = one_after_the_other({source(5, 2), source(1, 1), source(9, 1)});
    std::vector<Offset> seen;
    for (;;) {
        const auto unit = joined->next();
        ASSERT_TRUE(unit);
        if (!*unit) break;
        seen.push_back((*unit)->base_offset);
    }
    EXPECT_EQ(seen, (std::vector<Offset>{5, 6, 1, 9}));
}

TEST_F(JoinedSourcesTest, AnErrorOfOneIsAnErrorOfAll) {
    const auto broken = std::make_shared<BrokenSource>(columns_, std::vector<ScanUnit>(1));
    const auto joined = one_after_the_other({source(0, 1), broken, source(2, 1)});
    ASSERT_TRUE(joined->next());
    const auto failed = joined->next();
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::corrupt_data);
}

}  // namespace
}  // namespace dl::slave::test
