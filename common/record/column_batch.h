// ColumnBatch: rows in columnar form, as one immutable block of bytes that is the same in memory, in the log
// (body of a record batch), between the nodes and in our client. Format: docs/formats/column-batch.md.
//
// body (all little-endian, every section starts at a multiple of 8 from the body start, padded with zeros):
//   u32 column_count | u32 flags (bit 0: a delete bitmap follows the directory; the others are 0)
//   directory, 32 bytes a column: u32 field_id | u8 kind | u8 precision | u8 scale | u8 flags (bit 0:
//   validity
//     bitmap present) | u32 validity_offset | u32 data_offset | u32 data_bytes | u32 heap_offset | u32
//     heap_bytes | u32 0
//   delete bitmap: bit r (LSB first) = row r is a delete, ceil(rows/8) bytes
//   per column: validity bitmap (bit r = row r is not NULL), data, heap
//     fixed types: rows x width; bytes types: (rows + 1) x u32 offsets into the heap, first 0, ascending,
//     last = heap_bytes
//   NULL values hold zeros (fixed) or an empty range (bytes). Strings are valid UTF-8.
//
// A ColumnBatch is cheap to copy (shared bytes) and thread-safe to read.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/byte_io.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/shared_bytes.h"
#include "common/types/data_type.h"
#include "common/types/value_text.h"

namespace dl {

// One column of a batch. Pointers live as long as the batch's bytes. No alignment is promised: use the
// accessors.
struct ColumnView {
    FieldId field;
    DataType type;
    const std::uint8_t* validity = nullptr;  // nullptr: no NULLs
    const char* data = nullptr;              // fixed: values; bytes: u32 offsets
    const char* heap = nullptr;              // bytes only
    std::uint32_t heap_bytes = 0;

    bool is_null(std::uint32_t row) const {
        return validity != nullptr && ((validity[row >> 3] >> (row & 7)) & 1) == 0;
    }
    template <class T>
    T fixed(std::uint32_t row) const {
        return load_le<T>(data + std::size_t{row} * sizeof(T));
    }
    std::string_view bytes(std::uint32_t row) const {
        const auto begin = load_le<std::uint32_t>(data + std::size_t{row} * 4);
        const auto end = load_le<std::uint32_t>(data + std::size_t{row} * 4 + 4);
        return {heap + begin, end - begin};
    }
};

class ColumnBatch {
  public:
    ColumnBatch() = default;
    // Checks every offset and length (and the ascending string offsets), so that reading is safe whatever the
    // bytes are: CORRUPT_DATA otherwise. UTF-8 is checked when `check_utf8` (bytes from outside).
    static Result<ColumnBatch> decode(SharedBytes body, std::uint32_t rows, bool check_utf8 = false);

    std::uint32_t rows() const { return rows_; }
    std::span<const ColumnView> columns() const { return columns_; }
    // nullptr when the batch has no such column (it was added later).
    const ColumnView* find(FieldId field) const;
    bool has_deletes() const { return deletes_ != nullptr; }
    bool is_delete(std::uint32_t row) const {
        return deletes_ != nullptr && ((deletes_[row >> 3] >> (row & 7)) & 1) != 0;
    }
    const SharedBytes& body() const { return body_; }

  private:
    SharedBytes body_;
    std::uint32_t rows_ = 0;
    const std::uint8_t* deletes_ = nullptr;
    std::vector<ColumnView> columns_;
};

// Bytes that grow by doubling and are never initialised twice: the columns of a builder. Movable only.
class GrowBuffer {
  public:
    std::size_t size() const { return size_; }
    const char* data() const { return bytes_.get(); }
    char* data() { return bytes_.get(); }
    void clear() { size_ = 0; }
    // Gives back bytes at the end.
    void truncate(std::size_t size) { size_ = size; }
    void reserve(std::size_t capacity) {
        if (capacity > capacity_) reallocate(capacity);
    }
    // Room for `count` bytes behind the end, which the caller fills.
    char* extend(std::size_t count) {
        if (count > capacity_ - size_) [[unlikely]]
            grow(count);
        char* at = bytes_.get() + size_;
        size_ += count;
        return at;
    }
    template <class T>
    void append(T value) {
        store_le(extend(sizeof(T)), value);
    }

  private:
    void grow(std::size_t count);
    void reallocate(std::size_t capacity);
    struct Free {
        void operator()(char* bytes) const;
    };
    std::unique_ptr<char, Free> bytes_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

// Builds one batch row by row, every column once per row in any order, then finish_row. Reusable after
// clear(), which keeps the memory. Not thread-safe, movable only. Appends do not check types: the caller
// matches the DataType of the column. The caller keeps byte_size() below 4 GiB
// (limits::record_batch_bytes_max); that every column has exactly one value per row is checked in encode().
class ColumnBatchBuilder {
  public:
    struct ColumnSpec {
        FieldId field;
        DataType type;
    };
    explicit ColumnBatchBuilder(std::vector<ColumnSpec> columns);

    // Memory for this many rows, with about that many heap bytes in each bytes column.
    void reserve(std::size_t rows, std::size_t heap_bytes_per_column);

    template <class T>
    void append_fixed(std::size_t column, T value) {
        columns_[column].data.append(value);
    }
    void append_bytes(std::size_t column, std::string_view value) {
        auto& c = columns_[column];
        if (!value.empty()) std::memcpy(c.heap.extend(value.size()), value.data(), value.size());
        c.data.append(static_cast<std::uint32_t>(c.heap.size()));
    }
    void append_null(std::size_t column);
    // A value (not NULL) of a column of the same type.
    void append_from(std::size_t column, const ColumnView& from, std::uint32_t row) {
        append_cell(columns_[column], from, row);
    }
    void finish_row(bool is_delete) {
        if (is_delete) set_bit(deletes_, rows_);
        ++rows_;
    }

    // Takes back what was appended of a row that is not finished, whichever of its columns.
    void drop_unfinished_row();

    // Copies row `row` of `batch`, matching columns by field id; a column missing there becomes NULL.
    void append_row_from(const ColumnBatch& batch, std::uint32_t row);

    std::uint32_t rows() const { return rows_; }
    // Approximate size of the encoded body.
    std::size_t byte_size() const;
    // Encodes the rows so far as one body; or some of them, in the order given.
    std::string encode() const;
    std::string encode_rows(std::span<const std::uint32_t> rows) const;
    // The values of a column so far, NULLs not marked as such. Valid until the next append.
    ColumnView values(std::size_t column) const;
    void clear();

  private:
    struct Column {
        ColumnSpec spec;
        std::size_t width;  // 0: bytes
        GrowBuffer data;    // bytes: offsets, 0 first
        GrowBuffer heap;
        std::vector<std::uint8_t> nulls;  // bit r: row r is NULL; as long as its last set bit needs
    };
    static void set_bit(std::vector<std::uint8_t>& bits, std::uint32_t row) {
        const std::size_t at = row >> 3;
        if (at >= bits.size()) bits.resize(at + 1);
        bits[at] = static_cast<std::uint8_t>(bits[at] | 1u << (row & 7));
    }
    std::vector<ColumnSpec> specs() const;
    std::string encode_selected(const std::uint32_t* each, std::uint32_t count) const;
    void append_cell(Column& column, const ColumnView& from, std::uint32_t row);

    std::vector<Column> columns_;
    std::vector<std::uint8_t> deletes_;
    std::uint32_t rows_ = 0;
};

// Canonical text of one value (value_text.h) appended to `out`; the value must not be NULL.
void append_value_text(std::string& out, const ColumnView& column, std::uint32_t row);
// JSON form of one value, NULL as null: numbers, true/false, strings; nan and inf as strings; decimals as
// numbers.
void append_value_json(std::string& out, const ColumnView& column, std::uint32_t row);
// The same for a value of `type` in its canonical text form, as a DEFAULT is kept.
void append_text_as_json(std::string& out, DataType type, std::string_view text);
// Parses any accepted text form of `type` and appends it to the column. INVALID_VALUE names value and type.
Result<void> append_parsed_text(ColumnBatchBuilder& builder, std::size_t column, DataType type,
                                std::string_view text);

// Canonical key bytes of a value, what the hashes of hash.h are taken of: int, long, date, timestamp and
// decimal up to 18 digits as 8-byte little-endian sign-extended integers; larger decimals 16 bytes; float and
// double as the 8-byte double with -0 as 0 and one NaN; boolean one byte; string and binary their bytes.
// `scratch` holds the result of fixed types (at least 16 bytes).
std::string_view key_bytes(const ColumnView& column, std::uint32_t row, char* scratch);

}  // namespace dl
