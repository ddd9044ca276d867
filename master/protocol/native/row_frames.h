// Rows of a query as data frames, each a JSON object, about 128 KiB at a time.
#pragma once

#include <string>
#include <vector>

#include "master/execution/row_cursor.h"

namespace dl::master {

class RowFrames final : public RowSink {
  public:
    explicit RowFrames(const std::vector<ResultColumn>& columns);
    Result<std::uint32_t> take(const ColumnBatch& batch, std::uint32_t row) override;
    bool full() const override;
    // What has been taken since the last time.
    std::string take_bytes() { return std::exchange(bytes_, {}); }

  private:
    // LIMIT_EXCEEDED when it could be longer than a frame may be.
    Result<void> check_row(const ColumnBatch& batch, std::uint32_t row) const;

    std::vector<std::string> keys_;
    std::string bytes_;
};

}  // namespace dl::master
