#include "slave/query/found_rows.h"

#include <atomic>

#include "common/base/check.h"
#include "slave/index/tail.h"

namespace dl::slave {

namespace {

class UnitSource final : public ScanSource {
  public:
    using Units = std::shared_ptr<const std::vector<ScanUnit>>;
    UnitSource(std::vector<ScanColumn> columns, Units units)
        : columns_(std::move(columns)), units_(std::move(units)) {}
    const std::vector<ScanColumn>& columns() const override { return columns_; }
    Result<std::optional<ScanUnit>> next() override {
        const auto at = next_.fetch_add(1);
        if (at >= units_->size()) return std::optional<ScanUnit>{};
        return std::optional<ScanUnit>((*units_)[at]);
    }
    std::uint64_t row_estimate() const override {
        std::uint64_t rows = 0;
        for (const auto& unit : *units_)
            rows += unit.all_rows ? unit.batch.rows() : unit.rows.size();
        return rows;
    }
    std::shared_ptr<ScanSource> rewound() const override {
        return std::make_shared<UnitSource>(columns_, units_);
    }

  private:
    std::vector<ScanColumn> columns_;
    Units units_;
    std::atomic<std::size_t> next_{0};
};

}  // namespace

Result<std::vector<Hash128>> hash_key_texts(const TableMeta& table, std::span<const std::string> texts) {
    const auto& key = table.schema.key();
    ColumnBatchBuilder builder({{key.id, key.type}});
    for (const auto& text : texts) {
        DL_TRY(append_parsed_text(builder, 0, key.type, text));
        builder.finish_row(false);
    }
    DL_TRY_ASSIGN(const auto batch,
                  ColumnBatch::decode(SharedBytes::from_string(builder.encode()), builder.rows()));
    DL_CHECK(batch.rows() == texts.size(), "every key is looked for");
    return hash_keys(batch, key.id, table.index_hash_seed);
}

Result<std::optional<std::vector<ScanUnit>>> find_rows(const PinnedTable& pinned,
                                                       std::span<const Hash128> keys,
                                                       std::span<const Field> fields) {
    std::vector<ScanUnit> all;
    for (const auto& [partition, view] : pinned.partitions) {
        auto units = view->find_rows(keys, fields);
        if (units.has_error() && units.error().code == ErrorCode::not_supported)
            return std::optional<std::vector<ScanUnit>>{};
        if (units.has_error()) return std::move(units).error();
        for (auto& unit : *units) {
            DL_CHECK(unit.all_rows || unit.rows.empty() || unit.rows.back() < unit.batch.rows(),
                     "rows found lie within their batch");
            all.push_back(std::move(unit));
        }
    }
    return std::optional<std::vector<ScanUnit>>(std::move(all));
}

std::shared_ptr<ScanSource> units_as_source(std::vector<ScanColumn> columns, std::vector<ScanUnit> units) {
    return std::make_shared<UnitSource>(std::move(columns),
                                        std::make_shared<const std::vector<ScanUnit>>(std::move(units)));
}

}  // namespace dl::slave
