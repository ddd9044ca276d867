// What DuckDB reads through dl_scan(): a pull source of column batches (tail of a partition, rows from other
// nodes).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/record/column_batch.h"
#include "common/record/column_choice.h"

namespace dl {

struct ScanColumn {
    enum class Source : std::uint8_t {
        field,      // the batch's column `field`; NULL, or default_text when set, for batches without it
        offset,     // BIGINT: base_offset + row
        operation,  // BOOLEAN: true = delete
        time,       // TIMESTAMP: append time of the batch
    };
    std::string name;
    Source source = Source::field;
    FieldId field;
    DataType type;
    std::optional<std::string> default_text;
};

// Rows of one batch that take part.
struct ScanUnit {
    ColumnBatch batch;
    Offset base_offset = 0;
    std::int64_t append_time_us = 0;
    bool all_rows = true;
    std::vector<std::uint32_t> rows;  // when not all_rows, ascending
    // Set when the field ids of the batch are not those of the ScanColumns (results of other nodes): by
    // position of the ScanColumn, the position of its column in the batch; kNoColumn: not in it.
    static constexpr std::uint32_t kNoColumn = ~std::uint32_t{0};
    std::shared_ptr<const std::vector<std::uint32_t>> batch_columns;
    // Instead of `batch`, where only the columns that were asked for are decoded; no operation can be read
    // then.
    std::shared_ptr<const ColumnChoice> chosen;

    // Of the batch, whether they take part or not.
    std::uint32_t batch_rows() const { return chosen ? chosen->rows : batch.rows(); }
};

class ScanSource {
  public:
    virtual ~ScanSource() = default;
    virtual const std::vector<ScanColumn>& columns() const = 0;
    // Called once before reading with the positions of the columns that are needed (projection pushed down).
    virtual void set_projection(const std::vector<std::size_t>& /*positions*/) {}
    // Next unit, nullopt at the end. Called from several DuckDB threads at once; may block.
    virtual Result<std::optional<ScanUnit>> next() = 0;
    // About how many rows, for the optimizer.
    virtual std::uint64_t row_estimate() const = 0;
    // Several passes over the source by one query (a self join) each take a fresh cursor.
    virtual std::shared_ptr<ScanSource> rewound() const = 0;
};

// Decides which rows of a statement stay, by a number each row has: its row number in a Parquet file for the
// filters of a ReadView, its offset for compaction's.
class RowFilter {
  public:
    virtual ~RowFilter() = default;
    // keep[i]: the row numbered numbers[i] stays. DuckDB calls it from all threads that run the statement, so
    // it must be thread-safe, unless the database has one thread only: then a filter may count what goes by.
    virtual void filter(const std::int64_t* numbers, std::size_t count, bool* keep) const = 0;
};

}  // namespace dl
