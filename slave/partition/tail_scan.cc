#include "slave/partition/tail_scan.h"

#include <algorithm>
#include <numeric>

#include "common/base/check.h"

namespace dl::slave {

TailScan::TailScan(std::shared_ptr<const TailSnapshot> tail, Offset cut, std::vector<ScanColumn> columns)
    : tail_(std::move(tail)), cut_(cut), columns_(std::move(columns)) {
    std::vector<std::size_t> all(columns_.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    set_projection(all);
}

void TailScan::set_projection(const std::vector<std::size_t>& positions) {
    const bool times = std::any_of(positions.begin(), positions.end(), [this](std::size_t p) {
        return columns_[p].source == ScanColumn::Source::time;
    });
    units_.clear();
    const auto& chunks = tail_->chunks;
    for (std::size_t c = 0; c < chunks.size() && chunks[c]->base_offset < cut_; ++c) {
        const auto& chunk = *chunks[c];
        const auto end =
            static_cast<std::uint32_t>(std::min<Offset>(chunk.batch.rows(), cut_ - chunk.base_offset));
        DL_CHECK(end > 0 && !chunk.times.empty(), "a chunk of a view has rows and their times");
        const std::size_t runs = times ? chunk.times.size() : 1;
        for (std::size_t r = 0; r < runs && chunk.times[r].first_row < end; ++r) {
            const bool last = r + 1 == runs;
            units_.push_back({c, chunk.times[r].append_time_us, chunk.times[r].first_row,
                              last ? end : std::min(end, chunk.times[r + 1].first_row)});
        }
    }
}

Result<std::optional<ScanUnit>> TailScan::next() {
    for (;;) {
        const std::size_t at = next_.fetch_add(1);
        if (at >= units_.size()) return std::optional<ScanUnit>{};
        const auto& from = units_[at];
        const auto& chunk = *tail_->chunks[from.chunk];
        ScanUnit unit;
        const auto live = chunk.count_live(from.first_row, from.end_row, cut_);
        if (live == 0) continue;
        unit.all_rows = live == chunk.batch.rows();
        if (!unit.all_rows) chunk.append_live(from.first_row, from.end_row, cut_, &unit.rows);
        unit.batch = chunk.batch;
        unit.base_offset = chunk.base_offset;
        unit.append_time_us = from.append_time_us;
        return std::optional<ScanUnit>(std::move(unit));
    }
}

}  // namespace dl::slave
