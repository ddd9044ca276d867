// The json format of stream_read replies (docs/protocol.md). Pure.
#pragma once

#include <cstdint>
#include <string>

#include "common/meta/table_meta.h"
#include "common/record/column_batch.h"

namespace dl {

// "format":"json": one frame (without the i32 length) for one record: {"table_name":S,"major_key":name of the
// key
// column,"crud":S,"partition_code":N,"offset":N,"timestamp":"2024-01-31T12:00:00.123456Z","data":{column:value,...}}.
// `append_time_us` is the time the record was appended, in UTC.
void append_stream_json(std::string& out, const TableMeta& table, PartitionId partition,
                        const ColumnBatch& batch, std::uint32_t row, Offset offset,
                        std::int64_t append_time_us);

}  // namespace dl
