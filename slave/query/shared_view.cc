#include "slave/query/shared_view.h"

#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <utility>

#include "common/base/byte_io.h"

namespace dl::slave {
namespace {

class SharedTail final : public ScanSource {
  public:
    using Units = std::shared_ptr<const std::vector<SharedUnit>>;
    SharedTail(std::vector<ScanColumn> columns, Units units, std::uint64_t rows)
        : columns_(std::move(columns)), units_(std::move(units)), rows_(rows) {}
    const std::vector<ScanColumn>& columns() const override { return columns_; }
    void set_projection(const std::vector<std::size_t>& positions) override {
        fields_.emplace();
        for (const auto position : positions) {
            const auto& column = columns_[position];
            if (column.source == ScanColumn::Source::operation) return fields_.reset();
            if (column.source == ScanColumn::Source::field) fields_->push_back(column.field);
        }
    }
    Result<std::optional<ScanUnit>> next() override {
        const auto at = next_.fetch_add(1);
        if (at >= units_->size()) return std::optional<ScanUnit>{};
        const auto& shared = (*units_)[at];
        DL_TRY_ASSIGN(auto unit, fields_ ? shared.open(*fields_) : shared.open());
        return std::optional<ScanUnit>(std::move(unit));
    }
    std::uint64_t row_estimate() const override { return rows_; }
    std::shared_ptr<ScanSource> rewound() const override {
        return std::make_shared<SharedTail>(columns_, units_, rows_);
    }

  private:
    std::vector<ScanColumn> columns_;
    Units units_;
    std::uint64_t rows_;
    std::optional<std::vector<FieldId>> fields_;  // absent: all
    std::atomic<std::size_t> next_{0};
};

// The bits of a byte as eight bools, turned: a bit of a dead row is a row that does not stay.
constexpr auto kLive = [] {
    std::array<std::array<bool, 8>, 256> bools{};
    for (std::size_t byte = 0; byte < 256; ++byte)
        for (std::size_t bit = 0; bit < 8; ++bit)
            bools[byte][bit] = ((byte >> bit) & 1) == 0;
    return bools;
}();

class SharedMarks final : public RowFilter {
  public:
    SharedMarks(std::uint64_t rows, SharedBytes dead) : rows_(rows), dead_(std::move(dead)) {}

    // Row numbers of a scan are consecutive, but for those a filter before this one took out.
    void filter(const std::int64_t* numbers, std::size_t count, bool* keep) const override {
        std::size_t i = 0;
        while (i < count) {
            const auto row = static_cast<std::uint64_t>(numbers[i]);
            if (row % 8 == 0 && row + 8 <= rows_ && i + 8 <= count && are_consecutive(numbers + i)) {
                std::memcpy(keep + i, kLive[byte_of(row)].data(), 8);
                i += 8;
                continue;
            }
            keep[i++] = row < rows_ && ((byte_of(row) >> (row % 8)) & 1) == 0;
        }
    }

  private:
    static bool are_consecutive(const std::int64_t* eight) {
        std::uint64_t other = 0;
        for (std::uint64_t i = 0; i < 8; ++i)
            other |= static_cast<std::uint64_t>(eight[i]) ^ (static_cast<std::uint64_t>(eight[0]) + i);
        return other == 0;
    }
    std::uint8_t byte_of(std::uint64_t row) const { return static_cast<std::uint8_t>(dead_.data()[row / 8]); }
    const std::uint64_t rows_;
    const SharedBytes dead_;
};

Result<void> take_live(const SharedUnit& shared, ScanUnit& unit) {
    unit.base_offset = shared.base_offset;
    unit.all_rows = !shared.live;
    if (!shared.live) return {};
    for (std::uint32_t first = 0; first < shared.batch_rows; first += 64) {
        auto word = load_le<std::uint64_t>(shared.live->data() + first / 8);
        for (; word != 0; word &= word - 1) {
            const auto row = first + static_cast<std::uint32_t>(std::countr_zero(word));
            if (row >= shared.batch_rows)
                return make_error(ErrorCode::corrupt_data, "a batch has marks behind its last row");
            unit.rows.push_back(row);
        }
    }
    return {};
}

}  // namespace

Result<ScanUnit> SharedUnit::open() const {
    ScanUnit unit;
    DL_TRY_ASSIGN(unit.batch, ColumnBatch::decode(body, batch_rows));
    DL_TRY(take_live(*this, unit));
    return unit;
}

Result<ScanUnit> SharedUnit::open(std::span<const FieldId> fields) const {
    ScanUnit unit;
    DL_TRY_ASSIGN(auto chosen, decode_columns(body, batch_rows, fields));
    unit.chosen = std::make_shared<const ColumnChoice>(std::move(chosen));
    DL_TRY(take_live(*this, unit));
    return unit;
}

SharedView::SharedView(Cut cut) : cut_(std::move(cut)) {
    tail_ = std::make_shared<const std::vector<SharedUnit>>(std::move(cut_.tail));
}

SharedView::SharedView(std::vector<SharedUnit> found) : SharedView(Cut{}) {
    found_ = std::move(found);
}

std::shared_ptr<ScanSource> SharedView::tail(std::vector<ScanColumn> columns) const {
    return std::make_shared<SharedTail>(std::move(columns), tail_, cut_.tail_rows);
}

Result<std::vector<ScanUnit>> SharedView::find_rows(std::span<const Hash128>, std::span<const Field>) const {
    if (!found_) return make_error(ErrorCode::not_supported, "rows are found by the daemon");
    std::vector<ScanUnit> units;
    for (const auto& one : *found_) {
        DL_TRY_ASSIGN(auto unit, one.open());
        units.push_back(std::move(unit));
    }
    return units;
}

Result<std::shared_ptr<const RowFilter>> shared_filter(std::uint64_t rows, SharedBytes dead) {
    if (dead.size() / 8 != (rows + 63) / 64 || dead.size() % 8 != 0)
        return make_error(ErrorCode::corrupt_data, "a file of a query has not one mark a row");
    return std::shared_ptr<const RowFilter>(std::make_shared<SharedMarks>(rows, std::move(dead)));
}

}  // namespace dl::slave
