// The columnar format of stream_read replies (docs/protocol.md), written by slaves and read by the client
// library. Pure: bytes in, bytes out.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/meta/table_meta.h"
#include "common/record/column_batch.h"
#include "common/record/record_batch.h"

namespace dl {

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

}  // namespace dl
