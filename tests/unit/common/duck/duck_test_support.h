// Sources and shortcuts shared by the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <set>

#include "common/duck/duck_database.h"
#include "common/duck/parquet_file.h"

namespace dl::test {

// Units held in memory.
class MemorySource : public ScanSource {
  public:
    struct Shared {
        std::vector<ScanColumn> columns;
        std::vector<ScanUnit> units;
        std::mutex mutex;
        std::vector<std::vector<std::size_t>> projections;  // of every pass
    };
    explicit MemorySource(std::vector<ScanColumn> columns, std::vector<ScanUnit> units)
        : shared_(std::make_shared<Shared>()) {
        shared_->columns = std::move(columns);
        shared_->units = std::move(units);
    }
    explicit MemorySource(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

    const std::vector<ScanColumn>& columns() const override { return shared_->columns; }
    void set_projection(const std::vector<std::size_t>& positions) override {
        const std::lock_guard lock(shared_->mutex);
        shared_->projections.push_back(positions);
    }
    Result<std::optional<ScanUnit>> next() override {
        const auto at = next_.fetch_add(1);
        if (at >= shared_->units.size()) return std::optional<ScanUnit>{};
        return std::optional<ScanUnit>(shared_->units[at]);
    }
    std::uint64_t row_estimate() const override { return shared_->units.size() * 1000; }
    std::shared_ptr<ScanSource> rewound() const override { return std::make_shared<MemorySource>(shared_); }

    std::shared_ptr<Shared> shared_;

  private:
    std::atomic<std::size_t> next_{0};
};

inline ColumnBatch batch_of(const ColumnBatchBuilder& builder) {
    auto batch = ColumnBatch::decode(SharedBytes::from_string(builder.encode()), builder.rows());
    EXPECT_TRUE(batch) << batch.error().to_text();
    return batch ? *batch : ColumnBatch{};
}

// Rows from texts; "~" is NULL. A row ending in "!" as an extra last cell is a delete.
inline ColumnBatch text_batch(const std::vector<ColumnBatchBuilder::ColumnSpec>& specs,
                              const std::vector<std::vector<std::string>>& rows) {
    ColumnBatchBuilder builder(specs);
    for (const auto& row : rows) {
        for (std::size_t c = 0; c < specs.size(); ++c) {
            if (row[c] == "~") {
                builder.append_null(c);
            } else {
                const auto done = append_parsed_text(builder, c, specs[c].type, row[c]);
                EXPECT_TRUE(done) << done.error().to_text();
            }
        }
        builder.finish_row(row.size() > specs.size());
    }
    return batch_of(builder);
}

inline std::string cell(const ColumnView& column, std::uint32_t row) {
    if (column.is_null(row)) return "~";
    std::string text;
    append_value_text(text, column, row);
    return text;
}

using Rows = std::vector<std::vector<std::string>>;

inline Rows rows_of(const ColumnBatch& batch) {
    Rows rows;
    for (std::uint32_t r = 0; r < batch.rows(); ++r) {
        auto& row = rows.emplace_back();
        for (const auto& column : batch.columns())
            row.push_back(cell(column, r));
    }
    return rows;
}

inline Result<Rows> drain(DuckResult& result) {
    Rows rows;
    for (;;) {
        DL_TRY_ASSIGN(auto batch, result.next());
        if (!batch) return rows;
        for (auto& row : rows_of(*batch))
            rows.push_back(std::move(row));
    }
}

inline Result<Rows> run(DuckSession& session, const std::string& sql) {
    DL_TRY_ASSIGN(auto result, session.query(sql));
    return drain(*result);
}

// The rows, or a failed test.
inline Rows rows(DuckSession& session, const std::string& sql) {
    auto result = run(session, sql);
    EXPECT_TRUE(result) << sql << ": " << (result ? "" : result.error().to_text());
    return result ? *result : Rows{};
}

inline std::shared_ptr<DuckDatabase> open_database(DuckOptions options = {}) {
    auto database = DuckDatabase::open(options);
    EXPECT_TRUE(database) << database.error().to_text();
    return *database;
}

inline std::unique_ptr<DuckSession> open_session(DuckDatabase& database) {
    auto session = database.session();
    EXPECT_TRUE(session);
    return std::move(*session);
}

// A fresh folder, removed at the end.
class TempFolder {
  public:
    TempFolder() {
        static std::atomic<int> counter{0};
        path_ = std::filesystem::path(::testing::TempDir()) /
                ("dl_duck_" + std::to_string(::getpid()) + "_" + std::to_string(counter++));
        std::filesystem::create_directories(path_);
    }
    ~TempFolder() { std::filesystem::remove_all(path_); }
    std::string path(const std::string& name = "") const { return (path_ / name).string(); }

  private:
    std::filesystem::path path_;
};

inline DataType type_of(std::string_view text) {
    return *parse_type(text);
}

inline ScanColumn field_column(std::string name, std::uint32_t id, std::string_view type) {
    return {std::move(name), ScanColumn::Source::field, FieldId{id}, type_of(type), std::nullopt};
}

// All rows of `source` as a Parquet file of DuckDB's own.
inline Result<void> write_parquet(DuckDatabase& database, std::shared_ptr<ScanSource> source,
                                  const std::string& path) {
    DL_TRY_ASSIGN(auto session, database.session());
    const auto handle = session->add_scan(std::move(source));
    return session->execute("COPY (SELECT * FROM dl_scan(" + std::to_string(handle) + ")) TO " +
                            sql_literal(path) + " (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE " +
                            "16384)");  // as files of before our own writer
}

}  // namespace dl::test
