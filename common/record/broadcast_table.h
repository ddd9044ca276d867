// Rows that go along with a query: a small table that the slaves of a large one join with their partitions
// (limits::broadcast_*). Immutable once made.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/record/column_batch.h"

namespace dl {

struct BroadcastTable {
    struct Column {
        std::string name;
        DataType type;
    };
    std::string name;             // in the statement: limits::broadcast_name_prefix and a number
    std::vector<Column> columns;  // of every batch, in this order; field ids in the batches mean nothing
    std::vector<ColumnBatch> batches;

    std::size_t rows() const {
        std::size_t total = 0;
        for (const auto& batch : batches)
            total += batch.rows();
        return total;
    }
};

}  // namespace dl
