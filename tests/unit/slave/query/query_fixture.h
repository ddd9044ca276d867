// Pinned cuts made by hand, and queries over them.
#pragma once

#include <gtest/gtest.h>

#include "slave/query/query_executor.h"
#include "slave/query/worker_executor.h"
#include "tests/unit/common/duck/drained_rows.h"
#include "tests/unit/common/duck/duck_test_support.h"

namespace dl::slave::test {

using namespace dl::test;
using namespace std::chrono_literals;

class DeadRows : public RowFilter {
  public:
    explicit DeadRows(std::set<std::int64_t> dead) : dead_(std::move(dead)) {}
    void filter(const std::int64_t* row_numbers, std::size_t count, bool* keep) const override {
        for (std::size_t i = 0; i < count; ++i)
            keep[i] = !dead_.contains(row_numbers[i]);
    }

  private:
    std::set<std::int64_t> dead_;
};

// A tail of batches, all rows live.
class TestView : public ReadView {
  public:
    Offset end_offset() const override { return end; }
    const std::vector<ViewFile>& files() const override { return parquet; }
    std::shared_ptr<ScanSource> tail(std::vector<ScanColumn> columns) const override {
        return std::make_shared<MemorySource>(std::move(columns), units);
    }
    std::uint64_t tail_rows() const override {
        std::uint64_t total = 0;
        for (const auto& unit : units)
            total += unit.batch.rows();
        return total;
    }
    // Of units only: `by_key` has the answer.
    Result<std::vector<ScanUnit>> find_rows(std::span<const Hash128> keys,
                                            std::span<const Field>) const override {
        if (!indexed) return make_error(ErrorCode::not_supported, "no index");
        std::vector<ScanUnit> found;
        for (const auto& key : std::set<Hash128>(keys.begin(), keys.end()))
            if (const auto at = by_key.find(key); at != by_key.end()) found.push_back(at->second);
        return found;
    }
    std::optional<std::uint64_t> count_rows() const override {
        if (!exact) return std::nullopt;
        auto rows = tail_rows();
        for (const auto& file : parquet)
            rows += file.rows - file.dead_rows;
        return rows;
    }
    Offset end = 0;
    bool exact = false;
    bool indexed = false;
    std::map<Hash128, ScanUnit> by_key;
    std::vector<ViewFile> parquet;
    std::vector<ScanUnit> units;
};

class QueryFixture : public ::testing::Test {
  protected:
    QueryFixture() {
        table_.id = TableId{5};
        table_.name = "t";
        table_.schema.fields = {{FieldId{1}, "id", type_of("int"), true, {}},
                                {FieldId{2}, "name", type_of("string"), false, {}},
                                {FieldId{4}, "Straße", type_of("string"), false, "none's"}};  // added later
    }

    static std::unique_ptr<FragmentEngine> in_this_process(const std::string& folder) {
        DuckOptions options;
        options.readable_directories = {folder};
        options.threads = 2;
        return std::make_unique<QueryExecutor>(open_database(options));
    }
    WorkerSettings worker_settings() {
        WorkerSettings settings;
        settings.ready = 1;
        settings.threads = 2;
        settings.readable_folders = {folder_.path()};
        return settings;
    }

    ViewFile write_file(const std::string& name, const Rows& texts, bool with_added,
                        std::set<std::int64_t> dead) {
        std::vector<ColumnBatchBuilder::ColumnSpec> specs{{FieldId{1}, type_of("int")},
                                                          {FieldId{2}, type_of("string")}};
        std::vector<ScanColumn> columns{{"_offset", ScanColumn::Source::offset, {}, {}, {}},
                                        {"_delete", ScanColumn::Source::operation, {}, {}, {}},
                                        {"_time", ScanColumn::Source::time, {}, {}, {}},
                                        field_column("f1", 1, "int"),
                                        field_column("f2", 2, "string")};
        if (with_added) {
            specs.push_back({FieldId{4}, type_of("string")});
            columns.push_back(field_column("f4", 4, "string"));
        }
        ViewFile file;
        file.path = folder_.path(name);
        for (const auto& spec : specs)
            file.fields.push_back({spec.field, spec.type});
        file.rows = texts.size();
        file.dead_rows = dead.size();
        if (!dead.empty()) file.filter = std::make_shared<DeadRows>(std::move(dead));
        const auto done = write_parquet(
            *writer_,
            std::make_shared<MemorySource>(columns, std::vector<ScanUnit>{{text_batch(specs, texts)}}),
            file.path);
        EXPECT_TRUE(done) << done.error().to_text();
        return file;
    }

    ScanUnit tail_unit(const Rows& texts) {
        return {text_batch(
            {{FieldId{1}, type_of("int")}, {FieldId{2}, type_of("string")}, {FieldId{4}, type_of("string")}},
            texts)};
    }

    FragmentQuery query(std::string sql, std::chrono::milliseconds time = 10s) {
        return {std::move(sql),
                {{"t", TableId{5}}},
                view_,
                std::chrono::steady_clock::now() + time,
                std::make_shared<QueryCancel>()};
    }

    void pin(std::vector<std::shared_ptr<const ReadView>> views) {
        auto view = std::make_shared<QueryView>();
        auto& pinned = view->tables[TableId{5}];
        pinned.table = std::make_shared<TableMeta>(table_);
        std::uint32_t p = 0;
        for (auto& v : views)
            pinned.partitions[PartitionId{p++}] = std::move(v);
        view_ = view;
    }

    Result<Rows> run(const std::string& sql) { return run(query(sql)); }
    Result<Rows> run(FragmentQuery asked) {
        DL_TRY_ASSIGN(auto running, executor_->start(std::move(asked)));
        return dl::test::drained(*running);
    }
    Rows rows(const std::string& sql) { return dl::test::expected_rows(sql, run(sql)); }

    TempFolder folder_;
    TableMeta table_;
    std::shared_ptr<DuckDatabase> writer_ = *file_duck_database(128u << 20);
    std::unique_ptr<FragmentEngine> executor_;
    std::shared_ptr<const QueryView> view_;
};

}  // namespace dl::slave::test
