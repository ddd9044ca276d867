// What an idle partition holds of what a process has few of.
#include "slave/index/pooled_mapping.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave {
namespace {

using namespace test;

std::size_t descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        ++count;
    return count;
}

class FootprintTest : public PartitionFixture {};

TEST_F(FootprintTest, OneDescriptorAndFewMappingsHoweverManyFiles) {
    constexpr std::size_t kMapped = 2;
    options_.compaction.automatic = false;
    for (int i = 0; i < 10; ++i)
        append({{i, std::string(5000, 'x'), false}});
    ASSERT_TRUE(partition_->flush().has_value());
    ASSERT_GE(partition_->stats().files, 8u);
    close();
    PooledMapping::set_mapped_max(kMapped);
    const auto before = descriptors();
    open();
    EXPECT_LE(descriptors(), before + 1) << "the log file that is written";
    EXPECT_LE(PooledMapping::mapped(), kMapped);
    EXPECT_EQ(live().size(), 10u);
    EXPECT_EQ(records().size(), 10u);
    append({{3, "new", false}});  // looked for in all files
    EXPECT_EQ(live().at(3), "new");
    EXPECT_LE(PooledMapping::mapped(), kMapped);
    PooledMapping::set_mapped_max(PooledMapping::kMappedMax);
}

}  // namespace
}  // namespace dl::slave
