// A copy that is removed by order, also when the disk does not do it at once.
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "common/base/log.h"
#include "common/duck/parquet_file.h"
#include "slave/server/partition_registry.h"
#include "tests/support/sim_file_system.h"
#include "tests/unit/slave/handlers/fake_slave.h"

namespace dl::slave {
namespace {

constexpr TableId kTable{1};
constexpr std::uint64_t kIncarnation = 1001;

class RegistryRemovalTest : public ::testing::Test {
  protected:
    RegistryRemovalTest() { set_log_level(LogLevel::off); }
    ~RegistryRemovalTest() override { set_log_level(LogLevel::info); }

    std::unique_ptr<PartitionRegistry> start() {
        PartitionContext context;
        context.files = &files_;
        context.storage_pool = &pool_;
        context.background_pool = &pool_;
        context.file_database = database_;
        context.now_us = [] { return std::int64_t{1}; };
        PartitionOptions options;
        options.free_disk_bytes_min = 0;
        std::vector<std::shared_ptr<DataDirectory>> directories = {*DataDirectory::open(files_, "/a")};
        auto registry = std::make_unique<PartitionRegistry>(directories, options, context);
        const auto recovered = registry->recover(1);
        EXPECT_TRUE(recovered.has_value() && recovered->failed == 0)
            << (recovered.has_error() ? recovered.error().to_text() : failures(*registry));
        return registry;
    }
    static std::string failures(const PartitionRegistry& registry) {
        std::string text;
        for (const auto& trouble : registry.troubles(10))
            text += trouble.error.to_text() + "\n";
        return text;
    }
    void create(PartitionRegistry& registry, std::uint32_t partitions) {
        auto table = test::make_table(kTable.value, partitions);
        table.incarnation = kIncarnation;
        LeaderEpochs epochs;
        for (std::uint32_t p = 0; p < partitions; ++p)
            epochs[PartitionId{p}] = LeaderEpoch{1};
        const StopCheck go_on = [] { return std::nullopt; };
        ASSERT_TRUE(registry.create(table, epochs, false, go_on).has_value());
        for (std::uint32_t p = 0; p < partitions; ++p)
            append(registry, p);
    }
    void append(PartitionRegistry& registry, std::uint32_t partition) {
        const auto body = test::make_body(0, 5);
        AppendRequest request;
        request.body = SharedBytes::from_string(body);
        request.batch = *ColumnBatch::decode(request.body, 5);
        request.body_crc = crc32c(0, body.data(), body.size());
        request.schema = SchemaId{1};
        std::promise<Result<AppendAck>> acked;
        (*registry.partition(kTable, PartitionId{partition}))
            ->append(std::move(request), [&](Result<AppendAck> ack) { acked.set_value(std::move(ack)); });
        EXPECT_TRUE(acked.get_future().get().has_value());
    }
    static Offset end(PartitionRegistry& registry, std::uint32_t partition) {
        const auto found = registry.partition(kTable, PartitionId{partition});
        return found.has_value() ? (*found)->end_offset() : -1;
    }

    SimFileSystem files_;
    WorkerPool pool_{"storage", 2};
    std::shared_ptr<DuckDatabase> database_ = *file_duck_database(64 << 20);
};

TEST_F(RegistryRemovalTest, RemovesOnePartitionAndWithTheLastTheTable) {
    auto registry = start();
    create(*registry, 2);
    const auto before = registry->changes();
    EXPECT_EQ(registry->drop_copy(kTable, kIncarnation + 1, PartitionId{0}).error().code,
              ErrorCode::corrupt_data);
    EXPECT_EQ(end(*registry, 0), 5);
    ASSERT_TRUE(registry->drop_copy(kTable, kIncarnation, PartitionId{0}).has_value());
    EXPECT_GT(registry->changes(), before);
    EXPECT_EQ(registry->partition(kTable, PartitionId{0}).error().code, ErrorCode::partition_not_found);
    EXPECT_EQ(end(*registry, 1), 5);
    EXPECT_FALSE(*files_.exists("/a/tables/t1/p0"));
    ASSERT_TRUE(registry->drop_copy(kTable, kIncarnation, PartitionId{0}).has_value()) << "once more";
    ASSERT_TRUE(registry->drop_copy(kTable, kIncarnation, PartitionId{1}).has_value());
    EXPECT_TRUE(registry->table(kTable).has_error());
    EXPECT_FALSE(*files_.exists("/a/tables/t1"));
    registry->close();
}

TEST_F(RegistryRemovalTest, WhatWasSetAsideStaysWhenTheLastPartitionGoes) {
    auto registry = start();
    create(*registry, 1);
    const std::string aside = "/a/tables/t1/p5.damaged.1700000000";
    ASSERT_TRUE(files_.create_directories(aside).has_value());
    ASSERT_TRUE(registry->drop_copy(kTable, kIncarnation, PartitionId{0}).has_value());
    EXPECT_FALSE(*files_.exists("/a/tables/t1/p0"));
    EXPECT_TRUE(*files_.exists(aside));
    registry->close();
    registry.reset();
    registry = start();
    EXPECT_EQ(registry->partition(kTable, PartitionId{0}).error().code, ErrorCode::partition_not_found);
    EXPECT_TRUE(*files_.exists(aside));
    registry->close();
}

// A disk that does not let go of it: it serves no more, and a repeat removes it.
TEST_F(RegistryRemovalTest, ARemovalThatFailedIsRepeated) {
    bool failed = false;
    // The seal of its log is renamed before.
    for (std::uint64_t renames = 1; !failed; ++renames) {
        ASSERT_LT(renames, 10u);
        files_ = SimFileSystem();
        auto registry = start();
        create(*registry, 2);
        files_.fail(SimCall::rename, renames, SimFault::io_error);
        failed = registry->drop_copy(kTable, kIncarnation, PartitionId{0}).has_error();
        if (failed) {
            EXPECT_TRUE(*files_.exists("/a/tables/t1/p0"));
            EXPECT_EQ(end(*registry, 0), -1);
            EXPECT_TRUE(registry->drop_copy(kTable, kIncarnation, PartitionId{0}).has_value());
        }
        EXPECT_FALSE(*files_.exists("/a/tables/t1/p0"));
        registry->close();
    }
}

}  // namespace
}  // namespace dl::slave
