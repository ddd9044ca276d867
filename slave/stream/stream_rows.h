// The default format of stream_read replies (docs/protocol.md). Pure: bytes in, bytes out.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/meta/table_meta.h"
#include "common/record/column_batch.h"

namespace dl {

// Which offsets the rows of a batch have: dense from base, or one by one (compacted history).
struct RowOffsets {
    Offset base = 0;
    std::span<const Offset> each;  // empty: dense
    Offset of(std::uint32_t row) const { return each.empty() ? base + row : each[row]; }
};

// Default format: collects the rows of one partition, finish() gives the snappy-compressed frame. Every
// column of the current schema is shown: one that a batch does not have yet with its DEFAULT (NULL in a
// delete), a dropped one not. The batch is only read during add. Not thread-safe; `table` must outlive the
// encoder.
class StreamRowsEncoder {
  public:
    StreamRowsEncoder(const TableMeta& table, PartitionId partition);
    void add(const ColumnBatch& batch, std::uint32_t first_row, std::uint32_t end_row,
             const RowOffsets& offsets);
    std::uint32_t rows() const { return rows_; }
    // Bytes so far before compression, about; bound it by limits::stream_frame_plain_bytes_max.
    std::size_t plain_bytes() const { return plain_.size(); }
    std::string finish();  // and starts over
    void discard() { start(); }
    // The frame's bytes before compression.
    std::string_view plain();

  private:
    void start();
    char* put_row(char* at, const ColumnBatch& batch, std::uint32_t row);

    const TableMeta& table_;
    PartitionId partition_;
    std::uint32_t rows_ = 0;
    GrowBuffer plain_;
    std::string table_prefix_;                // length-prefixed table name
    std::vector<std::string> column_prefix_;  // length-prefixed names
    std::vector<std::string> absent_;  // what a column shows that the batch does not have, length-prefixed
    std::size_t fixed_bytes_ = 0;      // of a row, without the texts of bytes columns
    std::vector<const ColumnView*> sources_;  // of the batch being added, by field; nullptr: not there
};

}  // namespace dl
