// The rows of a tail snapshot that are live for a cut, as a scan source. A unit is a chunk, or where the
// append time is asked for, a run of one time.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "common/duck/scan_source.h"
#include "slave/index/tail.h"

namespace dl::slave {

class TailScan : public ScanSource {
  public:
    // Rows at and above `cut` are left out.
    TailScan(std::shared_ptr<const TailSnapshot> tail, Offset cut, std::vector<ScanColumn> columns);
    const std::vector<ScanColumn>& columns() const override { return columns_; }
    void set_projection(const std::vector<std::size_t>& positions) override;
    Result<std::optional<ScanUnit>> next() override;
    std::uint64_t row_estimate() const override { return tail_->rows; }
    std::shared_ptr<ScanSource> rewound() const override {
        return std::make_shared<TailScan>(tail_, cut_, columns_);
    }

  private:
    struct Unit {
        std::size_t chunk;
        std::int64_t append_time_us;
        std::uint32_t first_row;
        std::uint32_t end_row;
    };
    std::shared_ptr<const TailSnapshot> tail_;
    Offset cut_;
    std::vector<ScanColumn> columns_;
    std::vector<Unit> units_;
    std::atomic<std::size_t> next_{0};
};

}  // namespace dl::slave
