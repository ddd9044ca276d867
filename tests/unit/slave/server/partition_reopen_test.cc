// A partition that left service comes back by itself.
#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <thread>

#include "slave/server/partition_registry.h"
#include "tests/unit/slave/partition/faulty_file_system.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave {
namespace {

using test::FaultyFileSystem;

class PartitionReopen : public ::testing::Test {
  protected:
    void SetUp() override {
        root_ = ::testing::TempDir() + "reopen-" + std::to_string(::getpid());
        std::filesystem::remove_all(root_);
        PartitionContext context;
        context.files = &disk_;
        context.storage_pool = &storage_;
        context.background_pool = &background_;
        context.file_database = *file_duck_database(64u << 20);
        context.compaction_database = context.file_database;
        context.now_us = [] { return std::int64_t{1}; };
        PartitionOptions options;
        options.free_disk_bytes_min = 0;
        table_.incarnation = 1007;
        auto directory = DataDirectory::open(disk_, root_);
        ASSERT_TRUE(directory.has_value()) << directory.error().to_text();
        directory_ = std::move(*directory);
        options_ = options;
        context_ = context;
        make_registry();
        const auto created =
            registry_->create(table_, {{PartitionId{0}, LeaderEpoch{3}}}, false, [] { return std::nullopt; });
        ASSERT_TRUE(created.has_value()) << created.error().to_text();
    }
    void make_registry() {
        registry_ = std::make_unique<PartitionRegistry>(
            std::vector<std::shared_ptr<DataDirectory>>{directory_}, options_, context_);
    }
    void TearDown() override {
        registry_->close();
        registry_ = nullptr;
        std::filesystem::remove_all(root_);
    }
    std::shared_ptr<Partition> partition() { return *registry_->partition(table_.id, PartitionId{0}); }
    Result<AppendAck> append(std::int64_t key) {
        std::promise<Result<AppendAck>> promise;
        partition()->append(test::make_request({{key, "x", false}}),
                            [&](Result<AppendAck> ack) { promise.set_value(std::move(ack)); });
        return promise.get_future().get();
    }

    FaultyFileSystem disk_;
    WorkerPool storage_{"storage", 2};
    WorkerPool background_{"back", 1};
    TableMeta table_ = test::make_table();
    std::string root_;
    std::shared_ptr<DataDirectory> directory_;
    PartitionOptions options_;
    PartitionContext context_;
    std::unique_ptr<PartitionRegistry> registry_;
};

TEST_F(PartitionReopen, OnceTheDiskAnswersAgain) {
    ASSERT_TRUE(append(1).has_value());
    const auto before = partition();
    disk_.set_fault([](FaultyFileSystem::Call call, const std::string&) -> std::optional<ErrorCode> {
        if (call == FaultyFileSystem::Call::sync) return ErrorCode::io_error;
        return std::nullopt;
    });
    EXPECT_EQ(append(2).error().code, ErrorCode::io_error);
    for (int i = 0; i < 5; ++i) {
        registry_->tick();
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_EQ(partition(), before);  // still there for reads
    EXPECT_EQ(partition()->end_offset(), 1);
    EXPECT_EQ(append(3).error().code, ErrorCode::io_error);

    disk_.set_fault(nullptr);
    for (int i = 0; i < 500 && partition() == before; ++i) {
        registry_->tick();
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ASSERT_NE(partition(), before);
    EXPECT_EQ(partition()->leader_epoch(), LeaderEpoch{3});
    const auto ack = append(4);
    ASSERT_TRUE(ack.has_value()) << ack.error().to_text();
    EXPECT_EQ(ack->first, 1);  // what was refused is not there
    EXPECT_EQ(before->end_offset(), 1);
}

TEST_F(PartitionReopen, WhatCouldNotBeOpenedIsTriedAgain) {
    ASSERT_TRUE(append(1).has_value());
    registry_->close();
    make_registry();
    disk_.set_fault([](FaultyFileSystem::Call call, const std::string& path) -> std::optional<ErrorCode> {
        if (call == FaultyFileSystem::Call::open_read && path.find("/p0/") != path.npos)
            return ErrorCode::io_error;
        return std::nullopt;
    });
    EXPECT_EQ(registry_->recover(1)->failed, 1u);
    EXPECT_EQ(registry_->partition(table_.id, PartitionId{0}).error().code, ErrorCode::io_error);
    EXPECT_FALSE(registry_->is_damaged(table_.id, 1007, PartitionId{0}));
    ASSERT_EQ(registry_->troubles(10).size(), 1u);
    for (int i = 0; i < 5; ++i) {
        registry_->tick();
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_TRUE(registry_->partition(table_.id, PartitionId{0}).has_error());
    const auto changes = registry_->changes();
    disk_.set_fault(nullptr);
    for (int i = 0; i < 500 && registry_->partition(table_.id, PartitionId{0}).has_error(); ++i) {
        registry_->tick();
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    ASSERT_TRUE(registry_->partition(table_.id, PartitionId{0}).has_value());
    EXPECT_EQ(partition()->end_offset(), 1);
    EXPECT_GT(registry_->changes(), changes);
    EXPECT_TRUE(registry_->troubles(10).empty());
    EXPECT_TRUE(append(2).has_value());
}

}  // namespace
}  // namespace dl::slave
