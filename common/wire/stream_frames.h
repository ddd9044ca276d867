// Encoding of stream_read replies (PROTOCOL 3.3 and docs/protocol.md). Pure: bytes in, bytes out.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/meta/table_meta.h"
#include "common/types/column_batch.h"
#include "common/wire/record_batch.h"

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

// "format":"json": one frame (without the i32 length) for one record: {"table_name":S,"major_key":name of the
// key
// column,"crud":S,"partition_code":N,"offset":N,"timestamp":"2024-01-31T12:00:00.123456Z","data":{column:value,...}}.
// `append_time_us` is the time the record was appended, in UTC.
void append_stream_json(std::string& out, const TableMeta& table, PartitionId partition,
                        const ColumnBatch& batch, std::uint32_t row, Offset offset,
                        std::int64_t append_time_us);

// "format":"columnar": the first frame is JSON
// {"table_name":S,"major_key":S,"columns":[{"id":N,"name":S,"type":S,"default":S|absent}]}; then a frame per
// batch: u32 first_row | u32 end_row | u32 offset count (0: dense) | u32 0 | i64 offsets... | record batch
// header (96) | stored body. All little-endian. Shown are rows first_row to end_row (exclusive) of the batch;
// the offsets, when there are any, are those of these rows. The frame is passed on as the log holds it.
std::string columnar_schema_frame(const TableMeta& table);
// Everything before the stored body.
std::string columnar_batch_prefix(const RecordBatchHeader& header, std::uint32_t first_row,
                                  std::uint32_t end_row, std::span<const Offset> offsets);
struct ColumnarFrame {
    RecordBatchHeader header;
    ColumnBatch batch;
    std::vector<Offset> offsets;  // of rows first_row..end_row; empty: dense from header.base_offset
    std::uint32_t first_row = 0;
    std::uint32_t end_row = 0;
    Offset offset_of(std::uint32_t row) const {
        return offsets.empty() ? header.base_offset + row : offsets[row - first_row];
    }
};
// Checks everything, the body's CRC included. CORRUPT_DATA says what does not fit.
Result<ColumnarFrame> decode_columnar_frame(SharedBytes frame);

// Query rows: `names` are the JSON-escaped column names with quotes, in select order; appends
// {"a":1,"b":"x"}.
void append_row_json(std::string& out, std::span<const std::string> names, const ColumnBatch& batch,
                     std::uint32_t row);

}  // namespace dl
