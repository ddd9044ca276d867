// Some columns of the body of a ColumnBatch: the values of the others are not even looked at, which is what
// makes reading one column of forty cheap where the bytes have to be checked each time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/record/column_batch.h"

namespace dl {

// Cheap to move; safe to read from any thread.
struct ColumnChoice {
    SharedBytes body;  // what the columns point into
    std::uint32_t rows = 0;
    std::vector<ColumnView> columns;  // in the order of the body

    // nullptr when it was not wanted, or the batch does not have it.
    const ColumnView* find(FieldId field) const;
};

// Those of `wanted` that the batch has, checked as ColumnBatch::decode() does. CORRUPT_DATA as there.
Result<ColumnChoice> decode_columns(SharedBytes body, std::uint32_t rows, std::span<const FieldId> wanted);

}  // namespace dl
