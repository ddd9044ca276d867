// Two data directories on two disks, one of which hangs: the partitions of the other go on.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <future>

#include "common/base/crc32c.h"
#include "common/base/log.h"
#include "common/duck/parquet_file.h"
#include "slave/server/partition_registry.h"
#include "tests/unit/slave/handlers/fake_slave.h"
#include "tests/unit/slave/partition/faulty_file_system.h"

namespace dl::slave {
namespace {

constexpr std::uint32_t kPartitions = 8;
constexpr std::size_t kThreads = 2;
constexpr auto kSoon = std::chrono::seconds(30);

class SlowDisk : public ::testing::Test {
  protected:
    void SetUp() override {
        set_log_level(LogLevel::off);
        root_ = ::testing::TempDir() + "slow-disk-" + std::to_string(::getpid());
        for (const auto* name : {"/a", "/b"}) {
            auto opened = DataDirectory::open(disk_, root_ + name);
            ASSERT_TRUE(opened.has_value()) << opened.error().to_text();
            directories_.push_back(*opened);
        }
        PartitionContext context;
        context.files = &disk_;
        context.file_database = context.compaction_database = *file_duck_database(64u << 20);
        context.now_us = [] { return std::int64_t{1}; };
        PartitionOptions options;
        options.free_disk_bytes_min = 0;
        options.segment_bytes = 4096;
        for (auto& pools : pools_)
            for (auto& pool : pools)
                pool = std::make_unique<WorkerPool>("disk", kThreads);
        registry_ = std::make_unique<PartitionRegistry>(
            directories_, options, context,
            std::vector<DirectoryPools>{{pools_[0][0].get(), pools_[0][1].get(), pools_[0][2].get()},
                                        {pools_[1][0].get(), pools_[1][1].get(), pools_[1][2].get()}});
        ASSERT_TRUE(registry_->recover(1).has_value());
        auto table = test::make_table(1, kPartitions);
        table.incarnation = 1001;
        LeaderEpochs epochs;
        for (std::uint32_t i = 0; i < kPartitions; ++i)
            epochs[PartitionId{i}] = LeaderEpoch{1};
        ASSERT_TRUE(registry_->create(table, epochs, false, [] { return std::nullopt; }).has_value());
    }
    void TearDown() override {
        disk_.let_go();
        registry_->close();
        for (auto& pools : pools_)
            for (auto& pool : pools)
                pool->stop();
        registry_.reset();
        directories_.clear();
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
        set_log_level(LogLevel::info);
    }
    std::future<Result<AppendAck>> append(std::uint32_t partition) {
        const auto body = test::make_body(0, 200);
        AppendRequest request;
        request.body = SharedBytes::from_string(body);
        request.batch = *ColumnBatch::decode(request.body, 200);
        request.body_crc = crc32c(0, body.data(), body.size());
        request.schema = SchemaId{1};
        auto promise = std::make_shared<std::promise<Result<AppendAck>>>();
        auto future = promise->get_future();
        (*registry_->partition(TableId{1}, PartitionId{partition}))
            ->append(std::move(request),
                     [promise](Result<AppendAck> ack) { promise->set_value(std::move(ack)); });
        return future;
    }
    std::vector<std::uint32_t> partitions_in(const std::string& directory) {
        std::vector<std::uint32_t> found;
        for (std::uint32_t i = 0; i < kPartitions; ++i)
            if (std::filesystem::exists(root_ + directory + "/tables/t1/p" + std::to_string(i)))
                found.push_back(i);
        return found;
    }
    std::string root_;
    test::FaultyFileSystem disk_;
    std::vector<std::shared_ptr<DataDirectory>> directories_;
    std::unique_ptr<WorkerPool> pools_[2][3];
    std::unique_ptr<PartitionRegistry> registry_;
};

TEST_F(SlowDisk, HangsAloneAndTheOthersAreWrittenFlushedAndCompacted) {
    const auto hanging = partitions_in("/b");
    const auto healthy = partitions_in("/a");
    ASSERT_GT(hanging.size(), kThreads);
    ASSERT_FALSE(healthy.empty());
    disk_.hang(root_ + "/b/");
    std::vector<std::future<Result<AppendAck>>> stuck;
    for (int round = 0; round < 3; ++round)
        for (const auto partition : hanging)
            stuck.push_back(append(partition));
    const auto deadline = std::chrono::steady_clock::now() + kSoon;
    while (disk_.waiting_calls() < kThreads && std::chrono::steady_clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ASSERT_EQ(disk_.waiting_calls(), kThreads);
    for (int round = 0; round < 10; ++round)
        for (const auto partition : healthy) {
            auto ack = append(partition);
            ASSERT_EQ(ack.wait_for(kSoon), std::future_status::ready) << "a write waits for another disk";
            EXPECT_TRUE(ack.get().has_value());
        }
    registry_->tick();
    const auto partition = *registry_->partition(TableId{1}, PartitionId{healthy.front()});
    auto compacted = std::make_shared<std::promise<Result<void>>>();
    auto done = compacted->get_future();
    partition->start_compress([compacted](Result<void> result) { compacted->set_value(std::move(result)); });
    ASSERT_EQ(done.wait_for(kSoon), std::future_status::ready) << "a compaction waits for another disk";
    EXPECT_TRUE(done.get().has_value());
    EXPECT_GT(partition->stats().flushes, 0u);
    disk_.let_go();
    for (auto& ack : stuck) {
        ASSERT_EQ(ack.wait_for(kSoon), std::future_status::ready);
        EXPECT_TRUE(ack.get().has_value());
    }
}

}  // namespace
}  // namespace dl::slave
