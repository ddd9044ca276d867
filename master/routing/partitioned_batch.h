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

struct PartitionedBatch {
    std::vector<PartitionBody> partitions;  // only those with rows, ascending
    std::uint64_t rows = 0;
};

}  // namespace dl
