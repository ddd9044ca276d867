// The registry over a file system whose every call can be made to fail.
#include "slave/server/partition_registry.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <set>
#include <thread>

#include "common/base/log.h"
#include "common/duck/parquet_file.h"
#include "slave/log/log_seal.h"
#include "tests/support/sim_file_system.h"
#include "tests/unit/slave/handlers/fake_slave.h"

namespace dl::slave {
namespace {

TableMeta make_table(std::uint64_t id, std::uint32_t partitions) {
    auto table = test::make_table(id, partitions);
    table.incarnation = 1000 + id;
    return table;
}

const StopCheck kGoOn = [] { return std::nullopt; };

class PartitionRegistryTest : public ::testing::Test {
  protected:
    PartitionRegistryTest() { set_log_level(LogLevel::off); }
    ~PartitionRegistryTest() override { set_log_level(LogLevel::info); }

    struct Node {
        std::unique_ptr<PartitionRegistry> registry;
        Result<PartitionRegistry::Recovered> recovered = PartitionRegistry::Recovered{};
    };
    // Starts as a slave does; without a registry when the directories do not open.
    std::optional<Node> start() {
        std::vector<std::shared_ptr<DataDirectory>> directories;
        for (const auto* path : {"/a", "/b"}) {
            auto opened = DataDirectory::open(files_, path);
            if (opened.has_error()) return std::nullopt;
            directories.push_back(std::move(*opened));
        }
        PartitionContext context;
        context.files = &files_;
        context.storage_pool = &pool_;
        context.background_pool = &pool_;
        context.file_database = database_;
        context.now_us = [] { return std::int64_t{1}; };
        PartitionOptions options;
        options.free_disk_bytes_min = 0;
        std::optional<Node> node(std::in_place);
        node->registry = std::make_unique<PartitionRegistry>(directories, options, context);
        node->recovered = node->registry->recover(1);
        return node;
    }
    static LeaderEpochs partitions(std::uint32_t count) {
        LeaderEpochs epochs;
        for (std::uint32_t i = 0; i < count; ++i)
            epochs[PartitionId{i}] = LeaderEpoch{1};
        return epochs;
    }
    void append(PartitionRegistry& registry, std::uint32_t partition) {
        const auto body = test::make_body(0, 5);
        AppendRequest request;
        request.body = SharedBytes::from_string(body);
        request.batch = *ColumnBatch::decode(request.body, 5);
        request.body_crc = crc32c(0, body.data(), body.size());
        request.schema = SchemaId{1};
        std::promise<Result<AppendAck>> acked;
        (*registry.partition(TableId{1}, PartitionId{partition}))
            ->append(std::move(request), [&](Result<AppendAck> ack) { acked.set_value(std::move(ack)); });
        EXPECT_TRUE(acked.get_future().get().has_value());
    }
    // Every file and directory below tables/, but what a start may make anew.
    std::set<std::string> everything(const std::string& below = "/a/tables") {
        std::set<std::string> found;
        const auto names = files_.list(below);
        if (names.has_error()) return found;
        for (const auto& name : *names) {
            found.insert(below + "/" + name);
            found.merge(everything(below + "/" + name));
        }
        return found;
    }

    SimFileSystem files_;
    WorkerPool pool_{"storage", 2};
    std::shared_ptr<DuckDatabase> database_ = *file_duck_database(64 << 20);
};

TEST_F(PartitionRegistryTest, ADirectoryOfOtherFilesIsNoDataDirectory) {
    ASSERT_TRUE(files_.create_directories("/a").has_value());
    ASSERT_TRUE(files_.replace_atomically("/a/.keep", "").has_value());
    ASSERT_TRUE(files_.replace_atomically("/a/sales.csv", "id\n1\n").has_value());
    const auto refused = DataDirectory::open(files_, "/a");
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_request);
    EXPECT_NE(refused.error().message.find("sales.csv"), std::string::npos) << refused.error().message;
    EXPECT_FALSE(*files_.exists("/a/tables"));
    // Ours stays ours whatever was put beside it.
    ASSERT_TRUE(files_.remove_tree("/a/sales.csv").has_value());
    ASSERT_TRUE(DataDirectory::open(files_, "/a").has_value());
    ASSERT_TRUE(files_.replace_atomically("/a/notes.txt", "x").has_value());
    EXPECT_TRUE(DataDirectory::open(files_, "/a").has_value());
}

TEST_F(PartitionRegistryTest, NoFailingCallAtStartRemovesAnything) {
    {
        auto node = start();
        ASSERT_TRUE(node && node->recovered.has_value());
        ASSERT_TRUE(node->registry->create(make_table(1, 3), partitions(3), false, kGoOn).has_value());
        // And one that a single directory knows.
        ASSERT_TRUE(node->registry->create(make_table(2, 1), partitions(1), false, kGoOn).has_value());
        for (std::uint32_t p = 0; p < 3; ++p)
            append(*node->registry, p);
        node->registry->close();
    }
    auto before = everything("/a/tables");
    before.merge(everything("/b/tables"));
    std::uint64_t calls = 0;
    for (;; ++calls) {
        ASSERT_LT(calls, 5000u);
        files_.fail(SimCall::any, calls + 1, SimFault::io_error);
        bool complete = false;
        if (auto node = start()) {
            complete = node->recovered.has_value() && node->recovered->failed == 0 &&
                       node->recovered->partitions == 4;
            node->registry->close();
        }
        // Was it met at all?
        const auto probe = files_.exists("/a");
        auto after = everything("/a/tables");
        after.merge(everything("/b/tables"));
        for (const auto& path : before)
            EXPECT_TRUE(after.contains(path)) << path << " is gone after call " << calls + 1 << " failed";
        if (::testing::Test::HasFailure()) return;
        if (complete && probe.has_error()) break;
    }
    EXPECT_GT(calls, 20u);
    auto node = start();
    ASSERT_TRUE(node && node->recovered.has_value());
    EXPECT_EQ(node->recovered->partitions, 4u);
    EXPECT_EQ(node->recovered->failed, 0u);
    EXPECT_EQ(node->recovered->rows, 15u);
    EXPECT_TRUE(node->recovered->set_aside.empty());
    node->registry->close();
}

TEST_F(PartitionRegistryTest, WhatIsWrittenIsSealedWithinThreeTicks) {
    auto node = start();
    ASSERT_TRUE(node->registry->create(make_table(1, 2), partitions(2), false, kGoOn).has_value());
    for (int i = 0; i < 5; ++i)
        node->registry->tick();
    append(*node->registry, 0);
    append(*node->registry, 1);
    const auto sealed_end = [&](const std::string& log, std::uint32_t partition) {
        const auto seal = read_seal(files_, {log, TableId{1}, PartitionId{partition}});
        return seal.has_value() && *seal ? (*seal)->end_offset : 0;
    };
    EXPECT_EQ(sealed_end("/a/tables/t1/p0/log", 0), 0);
    for (int i = 0; i < 3; ++i)
        node->registry->tick();
    EXPECT_EQ(sealed_end("/a/tables/t1/p0/log", 0), 5);
    EXPECT_EQ(sealed_end("/b/tables/t1/p1/log", 1), 5);
    node->registry->close();
}

TEST_F(PartitionRegistryTest, ATableWithoutItsDescriptionIsSetAsideWithItsRows) {
    {
        auto node = start();
        ASSERT_TRUE(node->registry->create(make_table(1, 1), partitions(1), false, kGoOn).has_value());
        append(*node->registry, 0);
        node->registry->close();
    }
    ASSERT_TRUE(files_.remove("/a/tables/t1/table.json").has_value());
    for (int round = 0; round < 2; ++round) {
        auto node = start();
        ASSERT_TRUE(node && node->recovered.has_value());
        EXPECT_EQ(node->recovered->tables, 0u);
        ASSERT_EQ(node->recovered->set_aside.size(), 1u) << "reported at every start";
        const auto path = node->recovered->set_aside[0];
        EXPECT_TRUE(path.starts_with("/a/tables/t1.no-table-json.")) << path;
        EXPECT_GT(*files_.file_size(path + "/p0/log/00000000000000000000.log"), 0u);
        node->registry->close();
    }
}

TEST_F(PartitionRegistryTest, AnotherDirectoryKnowsTheTableToo) {
    {
        auto node = start();
        ASSERT_TRUE(node->registry->create(make_table(1, 2), partitions(2), false, kGoOn).has_value());
        append(*node->registry, 0);
        append(*node->registry, 1);
        node->registry->close();
    }
    ASSERT_TRUE(files_.remove("/a/tables/t1/table.json").has_value());
    auto node = start();
    EXPECT_EQ(node->recovered->partitions, 2u);
    EXPECT_EQ(node->recovered->rows, 10u);
    EXPECT_TRUE(*files_.exists("/a/tables/t1/table.json"));
    node->registry->close();
}

TEST_F(PartitionRegistryTest, WhatCannotBeReadIsNeitherServedNorReplacedNorDropped) {
    {
        auto node = start();
        ASSERT_TRUE(node->registry->create(make_table(1, 1), partitions(1), false, kGoOn).has_value());
        append(*node->registry, 0);
        node->registry->close();
    }
    const std::string path = "/a/tables/t1/table.json";
    auto text = *files_.read_all(path);
    const auto good = text;
    text[text.find("\"key\"")] = 'k';
    files_.overwrite(path, text);
    {
        auto node = start();
        EXPECT_EQ(node->recovered->tables, 0u);
        EXPECT_TRUE(node->registry->table(TableId{1}).has_error());
        EXPECT_EQ(node->registry->create(make_table(1, 1), partitions(1), false, kGoOn).error().code,
                  ErrorCode::corrupt_data);
        EXPECT_EQ(node->registry->drop(TableId{1}, 1001).error().code, ErrorCode::corrupt_data);
        node->registry->close();
    }
    files_.overwrite(path, good);
    auto node = start();
    EXPECT_EQ(node->recovered->rows, 5u);
    node->registry->close();
}

TEST_F(PartitionRegistryTest, ACreationThatIsEndedLeavesNothing) {
    auto node = start();
    ASSERT_TRUE(node->registry->create(make_table(1, 1), partitions(1), false, kGoOn).has_value());
    const auto before = everything("/a/tables").size() + everything("/b/tables").size();
    std::atomic<int> asked{0};
    const StopCheck stop = [&asked]() -> std::optional<Error> {
        if (++asked < 20) return std::nullopt;
        return make_error(ErrorCode::cancelled, "enough");
    };
    EXPECT_EQ(node->registry->create(make_table(2, 200), partitions(200), false, stop).error().message,
              "enough");
    EXPECT_LT(asked, 40) << "and does not go on to the end";
    EXPECT_TRUE(node->registry->table(TableId{2}).has_error());
    EXPECT_EQ(everything("/a/tables").size() + everything("/b/tables").size(), before);
    ASSERT_TRUE(node->registry->create(make_table(2, 200), partitions(200), false, kGoOn).has_value());
    EXPECT_EQ(node->registry->partitions(TableId{2}).size(), 200u);
    node->registry->close();
    files_.crash(1);  // loses what was not synced
    node = start();
    EXPECT_EQ(node->recovered->partitions, 201u);
    node->registry->close();
}

// Changes of one table go one after the other, those of others meanwhile.
TEST_F(PartitionRegistryTest, NobodyWaitsForTheCreationOfAnotherTable) {
    auto node = start();
    auto& registry = *node->registry;
    ASSERT_TRUE(registry.create(make_table(1, 1), partitions(1), false, kGoOn).has_value());
    std::promise<void> begun, go_on;
    std::shared_future<void> may_go_on = go_on.get_future().share();
    std::once_flag once;
    const StopCheck slow = [&]() -> std::optional<Error> {
        std::call_once(once, [&] { begun.set_value(); });
        may_go_on.wait();
        return std::nullopt;
    };
    std::thread creating(
        [&] { EXPECT_TRUE(registry.create(make_table(2, 3), partitions(3), false, slow).has_value()); });
    begun.get_future().wait();
    auto others = std::async(std::launch::async, [&] {
        EXPECT_TRUE(registry.update(make_table(1, 1), {{PartitionId{0}, LeaderEpoch{2}}}).has_value());
        EXPECT_TRUE(registry.create(make_table(3, 1), partitions(1), false, kGoOn).has_value());
        EXPECT_TRUE(registry.drop(TableId{3}, 1003).has_value());
    });
    EXPECT_EQ(others.wait_for(std::chrono::seconds(20)), std::future_status::ready);
    std::promise<void> dropped;
    auto is_dropped = dropped.get_future();
    std::thread dropping([&] {
        EXPECT_TRUE(registry.drop(TableId{2}, 1002).has_value());
        dropped.set_value();
    });
    EXPECT_EQ(is_dropped.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
    go_on.set_value();
    creating.join();
    dropping.join();
    EXPECT_TRUE(registry.table(TableId{2}).has_error());
    EXPECT_FALSE(*files_.exists("/a/tables/t2"));
    registry.close();
}

// The table after another ALTER ADD.
TableMeta with_column(TableMeta table, const std::string& name, TypeKind kind = TypeKind::int32) {
    table.schema.id = SchemaId{table.schema.id.value + 1};
    Field field;
    field.id = table.next_field_id;
    field.name = name;
    field.type.kind = kind;
    table.next_field_id = FieldId{field.id.value + 1};
    table.schema.fields.push_back(std::move(field));
    return table;
}

TEST_F(PartitionRegistryTest, ASchemaOfAnotherLineIsRefused) {
    const auto first = make_table(1, 1);
    const auto salary = with_column(first, "salary");
    const auto age = with_column(first, "age");
    const auto age_city = with_column(age, "city");
    {
        auto node = start();
        auto& registry = *node->registry;
        ASSERT_TRUE(registry.create(first, partitions(1), false, kGoOn).has_value());
        ASSERT_TRUE(registry.update(salary, {}).has_value());
        // Of a master on another copy of the catalog: the same number, and a newer one.
        for (const auto* other : {&age, &age_city}) {
            const auto refused = registry.update(*other, {});
            ASSERT_TRUE(refused.has_error());
            EXPECT_EQ(refused.error().code, ErrorCode::corrupt_data);
            EXPECT_NE(refused.error().message.find("other columns of table 't1'"), std::string::npos)
                << refused.error().message;
        }
        EXPECT_TRUE(registry.update(first, {}).has_value()) << "older: nothing to do";
        EXPECT_EQ((*registry.table(TableId{1}))->schema.fields.back().name, "salary");
        registry.close();
    }
    auto node = start();
    EXPECT_EQ((*node->registry->table(TableId{1}))->schema.fields.back().name, "salary");
    node->registry->close();
}

// What one directory says of a table that is none of ours counts for nothing, its epochs neither.
TEST_F(PartitionRegistryTest, ADirectoryWithOtherColumnsIsLeftOut) {
    const auto first = make_table(1, 1);
    {
        auto node = start();
        ASSERT_TRUE(
            node->registry->create(with_column(first, "salary"), partitions(1), false, kGoOn).has_value());
        node->registry->close();
    }
    {
        const auto other = *DataDirectory::open(files_, "/b");
        ASSERT_TRUE(
            other
                ->write_table(with_column(first, "age"), StoredEpochs{{{PartitionId{0}, LeaderEpoch{9}}}, {}})
                .has_value());
    }
    auto node = start();
    const auto& registry = *node->registry;
    EXPECT_EQ((*registry.table(TableId{1}))->schema.fields.back().name, "salary");
    EXPECT_EQ((*registry.partition(TableId{1}, PartitionId{0}))->leader_epoch(), LeaderEpoch{1});
    const auto elsewhere = registry.partition(TableId{1}, PartitionId{1});
    ASSERT_TRUE(elsewhere.has_error());
    EXPECT_EQ(elsewhere.error().code, ErrorCode::corrupt_data);
    EXPECT_NE(elsewhere.error().message.find("other columns than that in another directory"),
              std::string::npos)
        << elsewhere.error().message;
    node->registry->close();
}

TEST_F(PartitionRegistryTest, PartitionsThatWereMissingAreMadeInSeveralTries) {
    const auto table = make_table(1, 40);
    auto node = start();
    auto& registry = *node->registry;
    ASSERT_TRUE(registry.create(table, partitions(2), false, kGoOn).has_value());
    std::atomic<int> asked{0};
    const StopCheck stop = [&asked]() -> std::optional<Error> {
        if (++asked < 12) return std::nullopt;
        return make_error(ErrorCode::cancelled, "enough");
    };
    EXPECT_EQ(registry.create(table, partitions(40), false, stop).error().message, "enough");
    EXPECT_GT(registry.partitions(TableId{1}).size(), 2u);
    EXPECT_LT(registry.partitions(TableId{1}).size(), 40u);
    const auto repeated = registry.create(table, partitions(40), false, kGoOn);
    ASSERT_TRUE(repeated.has_value()) << repeated.error().to_text();
    EXPECT_EQ(registry.partitions(TableId{1}).size(), 40u);
    for (std::uint32_t p = 0; p < 40; p += 13)
        append(registry, p);
    registry.close();
}

TEST_F(PartitionRegistryTest, ASchemaNumberNeverStandsForTwoSchemas) {
    const auto first = make_table(1, 1);
    const auto salary = with_column(first, "salary");
    const auto age = with_column(first, "age");
    const auto age_city = with_column(age, "city");
    auto reseeded = salary;
    reseeded.index_hash_seed = 9;
    const auto check = [](const PartitionRegistry& registry, const TableMeta& asked) {
        const auto checked = registry.check_schema(TableId{1}, asked.schema.id, schema_digest(asked));
        return checked.has_value() ? std::string("ok") : std::string(error_code_name(checked.error().code));
    };
    {
        auto node = start();
        auto& registry = *node->registry;
        ASSERT_TRUE(registry.create(first, partitions(1), false, kGoOn).has_value());
        ASSERT_TRUE(registry.update(salary, {}).has_value());
        EXPECT_EQ(check(registry, salary), "ok");
        EXPECT_EQ(check(registry, first), "ok") << "planned before the ALTER";
        EXPECT_EQ(check(registry, age), "CORRUPT_DATA");
        EXPECT_EQ(check(registry, reseeded), "CORRUPT_DATA");
        EXPECT_EQ(check(registry, age_city), "ok") << "newer: the sender is told that it is not known";
        EXPECT_EQ(registry.update(reseeded, {}).error().code, ErrorCode::corrupt_data);
        EXPECT_EQ(registry.create(age, partitions(1), false, kGoOn).error().code, ErrorCode::corrupt_data);
        registry.close();
    }
    auto node = start();
    EXPECT_EQ(check(*node->registry, first), "SCHEMA_MISMATCH") << "not remembered over a start";
    EXPECT_EQ(check(*node->registry, salary), "ok");
    EXPECT_EQ(check(*node->registry, age), "CORRUPT_DATA");
    node->registry->close();
}

}  // namespace
}  // namespace dl::slave
