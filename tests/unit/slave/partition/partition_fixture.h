// A partition in a fresh directory, rows in and out of it, for tests.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <map>
#include <optional>

#include "common/base/crc32c.h"
#include "common/duck/parquet_file.h"
#include "slave/compaction/io_budget.h"
#include "slave/index/tail.h"
#include "slave/partition/batch_id_budget.h"
#include "slave/partition/partition.h"
#include "slave/partition/tail_budget.h"

namespace dl::slave::test {

struct Row {
    std::int64_t key = 0;
    std::string value;
    bool is_delete = false;
};

inline TableMeta make_table() {
    TableMeta table;
    table.id = TableId{7};
    table.incarnation = 77;
    table.name = "t";
    table.schema.id = SchemaId{1};
    table.schema.fields = {{FieldId{1}, "id", DataType{TypeKind::int64}, true, std::nullopt},
                           {FieldId{2}, "name", DataType{TypeKind::string}, false, std::nullopt}};
    table.next_field_id = FieldId{3};
    table.index_hash_seed = 99;
    table.slot_map = default_slot_map(1);
    return table;
}

inline AppendRequest make_request(const std::vector<Row>& rows, Hash128 batch_id = {},
                                  std::uint64_t sequence = 0) {
    ColumnBatchBuilder builder(
        {{FieldId{1}, DataType{TypeKind::int64}}, {FieldId{2}, DataType{TypeKind::string}}});
    for (const auto& row : rows) {
        builder.append_fixed(0, row.key);
        if (row.is_delete)
            builder.append_null(1);
        else
            builder.append_bytes(1, row.value);
        builder.finish_row(row.is_delete);
    }
    AppendRequest request;
    request.body = SharedBytes::from_string(builder.encode());
    auto batch = ColumnBatch::decode(request.body, static_cast<std::uint32_t>(rows.size()));
    EXPECT_TRUE(batch.has_value());
    request.batch = *batch;
    request.body_crc = crc32c(0, request.body.data(), request.body.size());
    request.schema = SchemaId{1};
    request.name = {batch_id, sequence};
    return request;
}

class PartitionFixture : public ::testing::Test {
  protected:
    void SetUp() override {
        static std::atomic<int> number{0};
        root_ =
            ::testing::TempDir() + "partition-" + std::to_string(::getpid()) + "-" + std::to_string(number++);
        directory_ = root_ + "/p";
        database_ = *file_duck_database(512u << 20);
        compaction_database_ = *file_duck_database(512u << 20);
        options_.segment_bytes = 4096;
        options_.free_disk_bytes_min = 0;
        ASSERT_TRUE(posix_file_system().create_directories(root_).has_value());
        const auto created = Partition::create(*files_, directory_, table_, PartitionId{0});
        ASSERT_TRUE(created.has_value()) << created.error().to_text();
        open();
    }
    void TearDown() override {
        close();
        std::error_code ignored;
        std::filesystem::remove_all(root_, ignored);
    }
    Result<std::shared_ptr<Partition>> try_open() {
        PartitionContext context;
        context.files = files_;
        context.storage_pool = &storage_;
        context.background_pool = &background_;
        context.compaction_pool = &compaction_;
        context.compaction_budget = compaction_budget_.get();
        context.tail_budget = tail_budget_.get();
        context.file_database = database_;
        context.compaction_database = compaction_database_;
        context.batch_id_budget = batch_id_budget_.get();
        context.now_us = [this] { return now_us_ += 1000; };
        context.uptime_us = [this] { return uptime_us_.load(); };
        context.upkeep = upkeep_;
        return Partition::open(directory_, table_, PartitionId{0}, options_, context);
    }
    void open() {
        auto opened = try_open();
        ASSERT_TRUE(opened.has_value()) << opened.error().to_text();
        partition_ = *opened;
    }
    void close() {
        if (partition_ != nullptr) partition_->close();
        partition_ = nullptr;
    }
    void reopen() {
        close();
        open();
    }
    std::future<Result<AppendAck>> append_later(const std::vector<Row>& rows, Hash128 batch_id = {},
                                                std::uint64_t sequence = 0) {
        auto promise = std::make_shared<std::promise<Result<AppendAck>>>();
        auto future = promise->get_future();
        partition_->append(make_request(rows, batch_id, sequence),
                           [promise](Result<AppendAck> ack) { promise->set_value(std::move(ack)); });
        return future;
    }
    AppendAck append(const std::vector<Row>& rows, Hash128 batch_id = {}, std::uint64_t sequence = 0) {
        auto ack = append_later(rows, batch_id, sequence).get();
        EXPECT_TRUE(ack.has_value()) << ack.error().to_text();
        return ack.has_value() ? *ack : AppendAck{};
    }
    // Live rows of a view through its files and its tail.
    std::map<std::int64_t, std::string> live(const ReadView& view) {
        std::map<std::int64_t, std::string> rows;
        const auto put = [&](std::int64_t key, std::string value) {
            EXPECT_TRUE(rows.emplace(key, std::move(value)).second) << "key " << key << " is live twice";
        };
        const std::vector<Field> fields = {table_.schema.fields[0], table_.schema.fields[1]};
        for (const auto& file : view.files()) {
            auto read = read_parquet_rows(*database_, file.path, 0, 1u << 30, fields);
            EXPECT_TRUE(read.has_value()) << read.error().to_text();
            EXPECT_EQ(read->batch.rows(), file.rows);
            std::uint64_t dead = 0;
            for (std::uint32_t r = 0; r < read->batch.rows(); ++r) {
                const std::int64_t number = r;
                bool keep = true;
                if (file.filter != nullptr) file.filter->filter(&number, 1, &keep);
                if (!keep) {
                    ++dead;
                    continue;
                }
                EXPECT_FALSE(read->batch.is_delete(r));
                put(read->batch.find(FieldId{1})->fixed<std::int64_t>(r),
                    std::string(read->batch.find(FieldId{2})->bytes(r)));
            }
            EXPECT_EQ(dead, file.dead_rows);
        }
        const auto source =
            view.tail({{"id", ScanColumn::Source::field, FieldId{1}, DataType{TypeKind::int64}, {}},
                       {"name", ScanColumn::Source::field, FieldId{2}, DataType{TypeKind::string}, {}}});
        for (;;) {
            auto unit = source->next();
            EXPECT_TRUE(unit.has_value());
            if (!*unit) break;
            const auto& batch = (**unit).batch;
            const auto take = [&](std::uint32_t r) {
                put(batch.find(FieldId{1})->fixed<std::int64_t>(r),
                    std::string(batch.find(FieldId{2})->bytes(r)));
            };
            if ((**unit).all_rows)
                for (std::uint32_t r = 0; r < batch.rows(); ++r)
                    take(r);
            else
                for (const auto r : (**unit).rows)
                    take(r);
        }
        // What count(*) goes by.
        if (const auto counted = view.count_rows()) {
            EXPECT_EQ(*counted, rows.size());
        }
        return rows;
    }
    // What a lookup by key finds.
    std::map<std::int64_t, std::string> look_up(const ReadView& view, const std::vector<std::int64_t>& keys) {
        ColumnBatchBuilder builder({{FieldId{1}, DataType{TypeKind::int64}}});
        for (const auto key : keys) {
            builder.append_fixed(0, key);
            builder.finish_row(false);
        }
        const auto batch = ColumnBatch::decode(SharedBytes::from_string(builder.encode()), builder.rows());
        const auto hashes = hash_keys(*batch, FieldId{1}, table_.index_hash_seed);
        const auto units = view.find_rows(*hashes, table_.schema.fields);
        std::map<std::int64_t, std::string> rows;
        EXPECT_TRUE(units.has_value()) << units.error().to_text();
        if (units.has_error()) return rows;
        for (const auto& unit : *units) {
            const auto count =
                unit.all_rows ? unit.batch.rows() : static_cast<std::uint32_t>(unit.rows.size());
            for (std::uint32_t i = 0; i < count; ++i) {
                const auto r = unit.all_rows ? i : unit.rows[i];
                const auto key = unit.batch.find(FieldId{1})->fixed<std::int64_t>(r);
                EXPECT_TRUE(rows.emplace(key, unit.batch.find(FieldId{2})->bytes(r)).second)
                    << "key " << key << " is found twice";
            }
        }
        return rows;
    }
    std::map<std::int64_t, std::string> live() { return live(*partition_->pin()); }

    // Every stored record by offset, read in portions.
    std::map<Offset, Row> records(std::uint64_t portion = 1000) {
        std::map<Offset, Row> rows;
        Offset from = 0;
        for (;;) {
            auto slices = partition_->read(from, portion, 1u << 20);
            EXPECT_TRUE(slices.has_value()) << slices.error().to_text();
            if (slices.has_error() || slices->empty()) break;
            std::uint64_t taken = 0;
            for (const auto& slice : *slices) {
                for (std::uint32_t r = slice.first_row; r < slice.end_row; ++r, ++taken) {
                    Row row;
                    row.key = slice.batch.find(FieldId{1})->fixed<std::int64_t>(r);
                    row.is_delete = slice.batch.is_delete(r);
                    if (!row.is_delete) row.value = slice.batch.find(FieldId{2})->bytes(r);
                    EXPECT_GE(slice.offset_of(r), from);
                    from = slice.offset_of(r) + 1;
                    rows[slice.offset_of(r)] = std::move(row);
                }
            }
            EXPECT_LE(taken, portion);
            if (taken == 0) break;
        }
        return rows;
    }

    FileSystem* files_ = &posix_file_system();
    std::string root_;
    std::string directory_;
    TableMeta table_ = make_table();
    PartitionOptions options_;
    WorkerPool storage_{"storage", 2};
    WorkerPool background_{"back", 1};
    WorkerPool compaction_{"compact", 1};
    std::unique_ptr<IoBudget> compaction_budget_;
    std::unique_ptr<TailBudget> tail_budget_;
    std::unique_ptr<BatchIdBudget> batch_id_budget_;
    std::shared_ptr<UpkeepList> upkeep_;  // nullptr: tests tick the partition themselves
    std::shared_ptr<DuckDatabase> database_, compaction_database_;
    std::atomic<std::int64_t> now_us_{1'700'000'000'000'000};
    std::atomic<std::int64_t> uptime_us_{5'000'000};
    std::shared_ptr<Partition> partition_;
};

}  // namespace dl::slave::test
