// What a read by offset gives.
#pragma once

#include <cstdint>
#include <vector>

#include "common/record/record_batch.h"

namespace dl::slave {

// A contiguous run of records for stream_read, in offset order.
struct ReadSlice {
    RecordBatchHeader
        header;  // base_offset and count of the batch as stored; for compacted history a made-up header
    SharedBytes stored_body;  // as in the log (pass-through); encoded anew for compacted history
    ColumnBatch batch;        // decoded
    std::vector<Offset>
        offsets;  // empty: dense from header.base_offset; else one per row (compacted history)
    std::vector<std::int64_t> append_times_us;  // empty: header.append_time_us; else one per row
    std::uint32_t first_row = 0;                // rows [first_row, end_row) are asked for
    std::uint32_t end_row = 0;
    Offset offset_of(std::uint32_t row) const {
        return offsets.empty() ? header.base_offset + row : offsets[row];
    }
    std::int64_t append_time_us_of(std::uint32_t row) const {
        return append_times_us.empty() ? header.append_time_us : append_times_us[row];
    }
};

}  // namespace dl::slave
