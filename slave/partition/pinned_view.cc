#include "slave/partition/pinned_view.h"

#include <algorithm>
#include <atomic>

namespace dl::slave {
namespace {

// The live rows of a tail snapshot. A unit is a chunk, or where the append time is asked for, a run of one
// time.
class TailScan : public ScanSource {
  public:
    TailScan(std::shared_ptr<const PartitionState> state, std::vector<ScanColumn> columns)
        : state_(std::move(state)), columns_(std::move(columns)) {
        std::vector<std::size_t> all(columns_.size());
        for (std::size_t i = 0; i < all.size(); ++i)
            all[i] = i;
        set_projection(all);
    }
    const std::vector<ScanColumn>& columns() const override { return columns_; }
    void set_projection(const std::vector<std::size_t>& positions) override {
        const bool times = std::any_of(positions.begin(), positions.end(), [this](std::size_t p) {
            return columns_[p].source == ScanColumn::Source::time;
        });
        units_.clear();
        const auto& chunks = state_->tail->chunks;
        for (std::size_t c = 0; c < chunks.size(); ++c) {
            const std::size_t runs = times ? chunks[c]->times.size() : 1;
            for (std::size_t r = 0; r < runs; ++r) {
                const bool last = r + 1 == runs;
                units_.push_back({c, chunks[c]->times[r].append_time_us, chunks[c]->times[r].first_row,
                                  last ? chunks[c]->batch.rows() : chunks[c]->times[r + 1].first_row});
            }
        }
    }
    Result<std::optional<ScanUnit>> next() override {
        for (;;) {
            const std::size_t at = next_.fetch_add(1);
            if (at >= units_.size()) return std::optional<ScanUnit>{};
            const auto& from = units_[at];
            const auto& chunk = *state_->tail->chunks[from.chunk];
            ScanUnit unit;
            unit.rows.reserve(from.end_row - from.first_row);
            for (std::uint32_t row = from.first_row; row < from.end_row; ++row)
                if (chunk.is_live(row, state_->end_offset)) unit.rows.push_back(row);
            if (unit.rows.empty()) continue;
            unit.batch = chunk.batch;
            unit.base_offset = chunk.base_offset;
            unit.append_time_us = from.append_time_us;
            unit.all_rows = unit.rows.size() == chunk.batch.rows();
            if (unit.all_rows) unit.rows.clear();
            return std::optional<ScanUnit>(std::move(unit));
        }
    }
    std::uint64_t row_estimate() const override { return state_->tail->rows; }
    std::shared_ptr<ScanSource> rewound() const override {
        return std::make_shared<TailScan>(state_, columns_);
    }

  private:
    struct Unit {
        std::size_t chunk;
        std::int64_t append_time_us;
        std::uint32_t first_row;
        std::uint32_t end_row;
    };
    std::shared_ptr<const PartitionState> state_;
    std::vector<ScanColumn> columns_;
    std::vector<Unit> units_;
    std::atomic<std::size_t> next_{0};
};

class PinnedView : public ReadView {
  public:
    explicit PinnedView(std::shared_ptr<const PartitionState> state) : state_(std::move(state)) {
        for (const auto& entry : state_->files->entries()) {
            ViewFile file;
            file.path = entry.file->parquet_path();
            for (const auto& field : entry.file->info().fields)
                file.fields.push_back(field.id);
            file.rows = entry.file->info().rows;
            file.dead_rows = entry.dead->dead();
            if (file.dead_rows > 0) file.filter = entry.dead;
            files_.push_back(std::move(file));
        }
    }
    Offset end_offset() const override { return state_->end_offset; }
    const std::vector<ViewFile>& files() const override { return files_; }
    std::shared_ptr<ScanSource> tail(std::vector<ScanColumn> columns) const override {
        return std::make_shared<TailScan>(state_, std::move(columns));
    }
    std::uint64_t tail_rows() const override { return state_->tail->rows; }

  private:
    std::shared_ptr<const PartitionState> state_;
    std::vector<ViewFile> files_;
};

}  // namespace

std::shared_ptr<const ReadView> make_pinned_view(std::shared_ptr<const PartitionState> state) {
    return std::make_shared<const PinnedView>(std::move(state));
}

}  // namespace dl::slave
