// The scrub of a whole slave: everything in its time, within its budget, and one that is told to stop stops.
#include "slave/server/scrubber.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "common/base/crc32c.h"
#include "common/base/log.h"
#include "common/duck/parquet_file.h"
#include "slave/server/partition_registry.h"
#include "tests/support/eventually.h"
#include "tests/unit/slave/handlers/fake_slave.h"

namespace dl::slave {
namespace {

using dl::test::eventually;

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kPartitions = 3;

TEST(ScrubPosition, FollowsTheClockByBytes) {
    const std::vector<std::uint64_t> weights{10, 30, 60};
    const auto at = [&](int ms) { return scrub_position(weights, milliseconds(ms), milliseconds(1000)); };
    EXPECT_EQ(at(0), 0u);
    EXPECT_EQ(at(99), 0u);
    EXPECT_EQ(at(100), 1u);
    EXPECT_EQ(at(399), 1u);
    EXPECT_EQ(at(400), 2u);
    EXPECT_EQ(at(999), 2u);
    EXPECT_EQ(at(1050), 0u);
}

class ScrubberTest : public ::testing::Test {
  protected:
    void SetUp() override {
        set_log_level(LogLevel::off);
        root_ = ::testing::TempDir() + "scrubber-" + std::to_string(::getpid());
        PartitionContext context;
        context.files = &posix_file_system();
        context.storage_pool = context.background_pool = context.compaction_pool = &pool_;
        context.file_database = context.compaction_database = *file_duck_database(64u << 20);
        context.now_us = [] { return std::int64_t{1}; };
        PartitionOptions options;
        options.free_disk_bytes_min = 0;
        options.segment_bytes = 4096;
        registry_ = std::make_unique<PartitionRegistry>(
            std::vector{*DataDirectory::open(posix_file_system(), root_)}, options, context);
        ASSERT_TRUE(registry_->recover(1).has_value());
        auto table = test::make_table(1, kPartitions);
        table.incarnation = 1001;
        LeaderEpochs epochs;
        for (std::uint32_t i = 0; i < kPartitions; ++i)
            epochs[PartitionId{i}] = LeaderEpoch{1};
        ASSERT_TRUE(registry_->create(table, epochs, false, [] { return std::nullopt; }).has_value());
        for (std::uint32_t i = 0; i < kPartitions; ++i) {
            for (int n = 0; n < 5; ++n)
                append(i, n * 300);
            ASSERT_TRUE(partition(i)->flush().has_value());
        }
    }
    void TearDown() override {
        registry_->close();
        pool_.stop();
        registry_.reset();
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
        set_log_level(LogLevel::info);
    }
    std::shared_ptr<Partition> partition(std::uint32_t id) {
        return *registry_->partition(TableId{1}, PartitionId{id});
    }
    void append(std::uint32_t id, std::int64_t first) {
        const auto body = test::make_body(first, 300);
        AppendRequest request;
        request.body = SharedBytes::from_string(body);
        request.batch = *ColumnBatch::decode(request.body, 300);
        request.body_crc = crc32c(0, body.data(), body.size());
        request.schema = SchemaId{1};
        std::promise<Result<AppendAck>> acked;
        partition(id)->append(std::move(request),
                              [&](Result<AppendAck> ack) { acked.set_value(std::move(ack)); });
        ASSERT_TRUE(acked.get_future().get().has_value());
    }
    std::string root_;
    WorkerPool pool_{"disk", 3};
    std::unique_ptr<PartitionRegistry> registry_;
};

TEST_F(ScrubberTest, ReadsEveryPartitionAgainAndAgainAndMendsWhatItFinds) {
    const auto snapshots = root_ + "/tables/t1/p1/snapshots";
    std::string damaged;
    for (const auto& name : *posix_file_system().list(snapshots))
        if (name.ends_with(".parquet")) damaged = snapshots + "/" + name;
    std::filesystem::resize_file(damaged, 100);
    Scrubber scrubber(*registry_, {.period = milliseconds(300), .bytes_per_second = 0}, milliseconds(0));
    EXPECT_TRUE(eventually([&] { return partition(1)->stats().scrub_findings == 1; }));
    for (std::uint32_t i = 0; i < kPartitions; ++i) {
        const auto once = partition(i)->stats().file_bytes;
        EXPECT_TRUE(eventually([&] { return partition(i)->stats().scrubbed_bytes > 2 * once; })) << i;
    }
    scrubber.stop();
    EXPECT_EQ(partition(1)->check({})->problems, std::vector<std::string>{});
}

TEST_F(ScrubberTest, StaysWithinItsBudgetAndStopsAtOnce) {
    Scrubber scrubber(*registry_, {.period = milliseconds(1), .bytes_per_second = 2000}, milliseconds(0));
    std::this_thread::sleep_for(milliseconds(500));
    const auto begin = std::chrono::steady_clock::now();
    scrubber.stop();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(5));
    std::uint64_t bytes = 0;
    for (std::uint32_t i = 0; i < kPartitions; ++i)
        bytes += partition(i)->stats().scrubbed_bytes;
    EXPECT_LT(bytes, partition(0)->stats().file_bytes + partition(0)->stats().log_bytes)
        << "not even one of them is due";
}

TEST_F(ScrubberTest, OffMeansOff) {
    Scrubber scrubber(*registry_, {}, milliseconds(0));
    std::this_thread::sleep_for(milliseconds(100));
    EXPECT_EQ(partition(0)->stats().scrubbed_bytes, 0u);
}

}  // namespace
}  // namespace dl::slave
