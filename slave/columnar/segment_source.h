// Every record of a closed tail segment, in offset order, as a scan for writing its snapshot file: columns
// `_offset`,
// `_delete`, `_time`, then `f<id>` per field. Thread-safe; units come in order when one thread reads.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "common/duck/scan_source.h"
#include "common/io/paced_write_back.h"
#include "common/types/schema.h"
#include "slave/index/tail_segment.h"

namespace dl::slave {

// The columns a snapshot file of these rows needs: the fields of `schema` that any batch has, and those of
// batches newer than `schema` (id >= next_field). Fields dropped since are left out.
std::vector<Field> segment_fields(const TailSegment& segment, const Schema& schema, FieldId next_field);

// `_offset`, `_delete`, `_time`, then one column per field, with its default for batches that lack it.
std::vector<ScanColumn> snapshot_columns(const std::vector<Field>& fields);

class SegmentSource : public ScanSource {
  public:
    // `write_back`, unless nullptr, hears of the bytes that are read, which are about to be written.
    SegmentSource(std::shared_ptr<const TailSegment> segment, std::vector<ScanColumn> columns,
                  std::shared_ptr<PacedWriteBack> write_back = nullptr);
    const std::vector<ScanColumn>& columns() const override { return columns_; }
    Result<std::optional<ScanUnit>> next() override;
    std::uint64_t row_estimate() const override { return segment_->rows(); }
    std::shared_ptr<ScanSource> rewound() const override;
    std::uint64_t rows_read() const { return rows_read_.load(); }

  private:
    struct Unit {
        std::size_t chunk;
        std::size_t run;
    };
    std::shared_ptr<const TailSegment> segment_;
    std::vector<ScanColumn> columns_;
    std::shared_ptr<PacedWriteBack> write_back_;
    std::vector<Unit> units_;
    std::atomic<std::size_t> next_{0};
    std::atomic<std::uint64_t> rows_read_{0};
};

}  // namespace dl::slave
