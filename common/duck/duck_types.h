// Between our column types and DuckDB's. Internal to common/duck.
#pragma once

#include "common/duck/duck_handle.h"
#include "common/types/data_type.h"

namespace dl::duck {

LogicalType logical_type(DataType type);

// How a result column of a DuckDB type becomes one of ours.
struct ResultMapping {
    enum class Convert : std::uint8_t {
        copy,    // same width and layout, or text
        widen8,  // TINYINT -> long ...
        widen16,
        widen32,
        widen_u8,
        widen_u16,
        widen_u32,
        u64_to_128,    // UBIGINT -> decimal(38,0)
        hugeint,       // HUGEINT -> decimal(38,0), range checked
        uhugeint,      // UHUGEINT -> decimal(38,0), range checked
        decimal16,     // DECIMAL(p <= 4) is an INT16 inside
        decimal32,     // DECIMAL(p <= 9) is an INT32 inside
        milliseconds,  // TIMESTAMP_MS -> microseconds
        seconds,       // TIMESTAMP_S -> microseconds
    };
    DataType type;
    Convert convert = Convert::copy;
    std::size_t source_width = 0;  // bytes a value inside DuckDB's vector
    // Not convertible by us: DuckDB casts first, `SELECT <before> column <after>`.
    const char* cast_before = nullptr;
    const char* cast_after = nullptr;
};
ResultMapping result_mapping(duckdb_logical_type type);

}  // namespace dl::duck
