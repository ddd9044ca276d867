// Fills DuckDB's vectors from the columns of batches, for dl_scan(). Internal to common/duck.
#pragma once

#include "common/duck/duck_handle.h"
#include "common/duck/scan_source.h"

namespace dl::duck {

// One column as the callbacks need it.
struct BoundColumn {
    ScanColumn column;
    std::size_t position = 0;
    PhysicalType physical = PhysicalType::bytes;
    std::size_t duck_width = 0;   // of fixed values inside DuckDB's vector
    bool narrow_decimal = false;  // DuckDB keeps small decimals in fewer bytes than we do
    ColumnBatch default_row;      // one row with the default; no rows: NULL
};

Result<BoundColumn> bind_column(const ScanColumn& column);

// Rows [first, first + count) of a unit go to [to, to + count) of a vector.
struct Range {
    const ScanUnit* unit;
    std::uint32_t first;
    std::uint32_t count;
    idx_t to;

    std::uint32_t row(std::uint32_t i) const { return unit->all_rows ? first + i : unit->rows[first + i]; }
};

void set_all_null(duckdb_vector vector, const Range& range);
// The column of the unit's batch; nullptr when it has none.
const ColumnView* find_view(const ScanUnit& unit, const BoundColumn& bound);
// A batch of before the column got a wider type is converted. SCHEMA_MISMATCH for one of another type.
Result<void> fill_column(duckdb_vector vector, const BoundColumn& bound, const Range& range);

}  // namespace dl::duck
