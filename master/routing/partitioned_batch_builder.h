// Rows of an insert or a batch, value by value, into a PartitionedBatch. All rows are staged in one columnar
// builder and split by partition at the end, so that nothing is allocated per row or value; nothing comes out
// unless every row was good. Used by the parsers of batch_json.h and batch_binary.h.
//
// Per row: begin_row, put_* for the columns given, finish_row. A put_* or
// finish_row that returns false has ended the batch: error() says why, with row and column. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/limits.h"
#include "common/types/value_scan.h"
#include "master/catalog/catalog_table.h"
#include "master/routing/partitioned_batch.h"

namespace dl {

class PartitionedBatchBuilder {
  public:
    // What resolve() gives for `crud` and `_crud_type`.
    static constexpr std::uint32_t kCrud = ~std::uint32_t{0};

    // `input_bytes`: size of the text the rows come from, an upper bound of all strings in it. Fails when a
    // DEFAULT of the table is not a value of its column. `table` must outlive the builder. `staged_bytes_max`
    // bounds what the rows take as columns: a few bytes of a row may mean many of DEFAULTs and NULLs.
    static Result<PartitionedBatchBuilder> create(
        const master::CatalogTable& table, std::size_t input_bytes,
        std::size_t staged_bytes_max = limits::record_batch_bytes_max);

    static Result<PartitionedBatchBuilder> create(master::CatalogTable&& table, std::size_t input_bytes,
                                                  std::size_t staged_bytes_max = 0) = delete;

    // Column of a name as written (any case), or kCrud; COLUMN_NOT_FOUND names the table.
    Result<std::uint32_t> resolve(std::string_view name) const;
    // A hint: memory for this many rows, ignored when that is much more than the input.
    void reserve(std::size_t rows);

    // Number of the first row in messages; 0 unless set, before it begins.
    void count_rows_from(std::uint64_t first) { input_rows_ = first; }
    // What the rows take so far.
    std::size_t staged_bytes() const { return staged_.byte_size(); }
    // Bad rows are left out, see skip_row().
    void set_skip_bad_rows(bool skip) { skip_bad_rows_ = skip; }

    void begin_row() {
        ++stamp_;
        ++input_rows_;
        given_ = 0;
    }
    // A value in text form. `utf8_checked`: the text is known to be valid UTF-8.
    bool put_text(std::uint32_t column, std::string_view text, bool utf8_checked) {
        if (!mark_given(column)) return false;
        switch (columns_[column].type.kind) {
            case TypeKind::int32: {
                std::int32_t value = 0;
                if (!scan_int32(text, value)) break;
                staged_.append_fixed(column, value);
                return true;
            }
            case TypeKind::int64: {
                std::int64_t value = 0;
                if (!scan_int64(text, value)) break;
                staged_.append_fixed(column, value);
                return true;
            }
            case TypeKind::string:
                if (text.size() > limits::value_bytes_max || !(utf8_checked || is_ascii(text))) break;
                staged_.append_bytes(column, text);
                return true;
            default:
                break;
        }
        return put_any_text(column, text);
    }
    // What a number in a timestamp column counts; without it such a number is refused.
    void set_timestamp_unit(std::optional<TimestampUnit> unit) { timestamp_unit_ = unit; }
    // A value, not NULL, of the column's own type.
    bool put_value(std::uint32_t column, const ColumnView& values, std::uint32_t row) {
        if (!mark_given(column)) return false;
        if (values.heap != nullptr && values.bytes(row).size() > limits::value_bytes_max)
            return put_any_text(column, values.bytes(row));  // which names the limit
        staged_.append_from(column, values, row);
        return true;
    }
    // A JSON number or boolean, as written.
    bool put_number(std::uint32_t column, std::string_view number);
    bool put_boolean(std::uint32_t column, bool value);
    // An explicit NULL.
    bool put_null(std::uint32_t column);
    // INVALID_VALUE for what is no value at all: `what` e.g. "an object".
    bool refuse(std::uint32_t column, std::string_view what);
    // Fills the columns not given: their DEFAULT, else NULL; NULL in a delete. Checks key and NOT NULL.
    bool finish_row(bool is_delete);

    // Behind a put_*, fail_row or finish_row that returned false: true when the batch goes on without the
    // row.
    bool skip_row();
    // Ends the batch with an error of the current row.
    bool fail_row(ErrorCode code, std::string_view what);
    const Error& error() const { return error_; }

    // Partition of every row, one body per partition that has rows. LIMIT_EXCEEDED for a key that is too
    // long.
    Result<PartitionedBatch> finish();

  private:
    struct Column {
        DataType type;
        bool required = false;  // the key, or NOT NULL
        bool has_default = false;
    };
    PartitionedBatchBuilder(const master::CatalogTable& table, std::size_t input_bytes,
                            std::size_t staged_bytes_max);
    Result<void> parse_defaults();
    bool mark_given(std::uint32_t column) {
        if (stamps_[column] == stamp_) [[unlikely]]
            return fail_twice(column);
        stamps_[column] = stamp_;
        ++given_;
        return true;
    }
    bool fail_twice(std::uint32_t column);
    bool fail_value(std::uint32_t column, const Error& error);
    bool put_any_text(std::uint32_t column, std::string_view text);
    bool fill_absent(bool is_delete);
    bool check_required_nulls(bool is_delete);
    bool check_declared(bool is_delete);
    bool within_limit();
    std::string row_text() const;
    void refuse_row(std::uint64_t input_row, Error error);

    const master::CatalogTable* table_;
    std::vector<Column> columns_;
    std::vector<std::pair<std::uint32_t, const master::DeclaredType*>> declared_;  // columns that say more
    ColumnBatchBuilder staged_;
    ColumnBatch defaults_;  // one row
    struct Hasher {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };
    std::unordered_map<std::string, std::uint32_t, Hasher, std::equal_to<>> by_name_;
    std::vector<std::uint64_t> stamps_;  // == stamp_: given in the current row
    std::uint64_t stamp_ = 0;
    std::size_t given_ = 0;
    std::vector<std::uint64_t> null_stamps_;     // == stamp_: NULL in the current row
    std::vector<std::uint32_t> required_nulls_;  // of the current row
    std::optional<TimestampUnit> timestamp_unit_;
    std::size_t input_bytes_;
    std::size_t staged_bytes_max_;
    std::size_t fixed_bytes_per_row_ = 0;
    std::size_t default_heap_bytes_ = 0;
    std::uint64_t input_rows_ = 0;  // begun
    bool skip_bad_rows_ = false;
    bool whole_batch_failed_ = false;          // error_ is of more than the current row
    std::vector<std::uint64_t> row_in_input_;  // of each staged row, once rows are left out
    RefusedRows refused_;
    Error error_;
};

}  // namespace dl
