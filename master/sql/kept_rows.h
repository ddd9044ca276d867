// A result all of whose rows are here. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "master/sql/query_coordinator.h"

namespace dl::master {

class KeptRows final : public QueryStream {
  public:
    using Offsets = std::map<std::string, std::map<std::uint32_t, Offset>>;
    using Behind = std::map<std::string, std::uint64_t>;

    KeptRows(std::vector<ResultColumn> columns, Offsets offsets, Behind behind)
        : columns_(std::move(columns)), offsets_(std::move(offsets)), behind_(std::move(behind)) {}
    // With the columns of the result.
    void add(ColumnBatch batch) { batches_.push_back(std::move(batch)); }

    const std::vector<ResultColumn>& columns() const override { return columns_; }
    Result<std::optional<ColumnBatch>> next() override {
        if (next_ == batches_.size()) return std::optional<ColumnBatch>{};
        return std::optional<ColumnBatch>(std::move(batches_[next_++]));
    }
    const Offsets& offsets() const override { return offsets_; }
    const Behind& behind() const override { return behind_; }

  private:
    const std::vector<ResultColumn> columns_;
    const Offsets offsets_;
    const Behind behind_;
    std::vector<ColumnBatch> batches_;
    std::size_t next_ = 0;
};

}  // namespace dl::master
