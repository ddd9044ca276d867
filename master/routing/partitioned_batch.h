// The rows of one insert or batch_insert, checked whole, typed, and split by partition. The parsers of
// batch_json.h and batch_binary.h fill it; the master sends the bodies to the slaves as they are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/meta/table_meta.h"
#include "common/record/column_batch.h"

namespace dl {

struct PartitionBody {
    PartitionId partition;
    std::uint32_t rows = 0;
    std::string body;       // encoded ColumnBatch with all fields of the current schema
    std::uint32_t crc = 0;  // CRC-32C of body
};

// Rows that were left out of a batch.
struct RefusedRows {
    static constexpr std::size_t kNamedMax = 1000;
    struct Row {
        std::uint64_t row = 0;  // in the batch as it was sent, from 0
        Error error;
    };
    std::vector<Row> rows;  // the first kNamedMax, ascending but for keys that are too long, which come last
    std::uint64_t count = 0;  // of all
};

struct PartitionedBatch {
    std::vector<PartitionBody> partitions;  // only those with rows, ascending
    std::uint64_t rows = 0;
    RefusedRows refused;
};

}  // namespace dl
