// A row is written into memory that was made large enough
// for it before, from parts that are the same in every row and the texts of its values.
#include "slave/stream/stream_rows.h"

#include <snappy.h>

#include "common/base/byte_io.h"
#include "common/base/check.h"
#include "common/types/value_put.h"

namespace dl {
namespace {

constexpr std::string_view kNull = "/~|";

std::string length_prefixed(std::string_view text) {
    std::string out;
    append_string(out, text);
    return out;
}

char* put_length_prefixed(char* at, std::string_view text) {
    store_le(at, static_cast<std::uint32_t>(text.size()));
    return put_text(at + 4, text);
}

Int128 decimal_at(const ColumnView& column, std::uint32_t row) {
    if (column.type.precision <= 18) return column.fixed<std::int64_t>(row);
    return column.fixed<Int128>(row);
}

// Text of a value that is not NULL.
char* put_value(char* at, const ColumnView& column, std::uint32_t row) {
    switch (column.type.kind) {
        case TypeKind::string:
        case TypeKind::json:
            return put_text(at, column.bytes(row));
        case TypeKind::int32:
            return put_int64(at, column.fixed<std::int32_t>(row));
        case TypeKind::int64:
            return put_int64(at, column.fixed<std::int64_t>(row));
        case TypeKind::float32:
            return put_float32(at, column.fixed<float>(row));
        case TypeKind::float64:
            return put_float64(at, column.fixed<double>(row));
        case TypeKind::boolean:
            return put_boolean(at, column.fixed<std::uint8_t>(row) != 0);
        case TypeKind::timestamp:
            return put_timestamp(at, column.fixed<std::int64_t>(row));
        case TypeKind::date:
            return put_date(at, column.fixed<std::int32_t>(row));
        case TypeKind::decimal:
            return put_decimal(at, decimal_at(column, row), column.type.scale);
        case TypeKind::binary:
            return put_base64(at, column.bytes(row));
    }
    return at;
}

// The same behind its length, NULL included.
char* put_cell(char* at, const ColumnView& column, std::uint32_t row) {
    if (column.is_null(row)) return put_length_prefixed(at, kNull);
    char* const end = put_value(at + 4, column, row);
    store_le(at, static_cast<std::uint32_t>(end - at - 4));
    return end;
}

std::size_t bytes_text_size(const ColumnView& column, std::uint32_t row) {
    const std::size_t size = column.bytes(row).size();
    return column.type.kind == TypeKind::binary ? (size + 2) / 3 * 4 : size;
}

}  // namespace

StreamRowsEncoder::StreamRowsEncoder(const TableMeta& table, PartitionId partition)
    : table_(table), partition_(partition), table_prefix_(length_prefixed(table.name)) {
    fixed_bytes_ = table_prefix_.size() + 64 + kFixedTextBytesMax;
    for (const auto& field : table.schema.fields) {
        column_prefix_.push_back(length_prefixed(field.name));
        absent_.push_back(
            length_prefixed(field.default_text ? std::string_view(*field.default_text) : kNull));
        fixed_bytes_ += column_prefix_.back().size() + absent_.back().size() + 4 + kFixedTextBytesMax;
    }
    start();
}

void StreamRowsEncoder::start() {
    rows_ = 0;
    plain_.clear();
    plain_.append(std::uint32_t{0});  // K, known at the end
}

char* StreamRowsEncoder::put_row(char* at, const ColumnBatch& batch, std::uint32_t row) {
    const bool is_delete = batch.is_delete(row);
    const std::size_t key = table_.schema.key_index;
    at = put_text(at, table_prefix_);
    char* const major_value = at;
    at = sources_[key] != nullptr ? put_cell(at, *sources_[key], row) : put_length_prefixed(at, kNull);
    const std::string_view key_cell(major_value, static_cast<std::size_t>(at - major_value));
    store_le(at, static_cast<std::uint32_t>(sources_.size()));
    at += 4;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
        at = put_text(at, column_prefix_[i]);
        if (i == key)
            at = put_text(at, key_cell);
        else if (sources_[i] != nullptr)
            at = put_cell(at, *sources_[i], row);
        else
            at = is_delete ? put_length_prefixed(at, kNull) : put_text(at, absent_[i]);
    }
    at = put_length_prefixed(at, is_delete ? "delete" : "insert");
    store_le(at, partition_.value);
    return at + 4;
}

void StreamRowsEncoder::add(const ColumnBatch& batch, std::uint32_t first_row, std::uint32_t end_row,
                            const RowOffsets& offsets) {
    const auto& fields = table_.schema.fields;
    DL_CHECK(first_row <= end_row && end_row <= batch.rows(), "rows sent lie within their batch");
    DL_CHECK(column_prefix_.size() == fields.size(), "a row has every column of its table");
    sources_.assign(fields.size(), nullptr);
    std::vector<const ColumnView*> bytes_columns;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        sources_[i] = batch.find(fields[i].id);
        if (sources_[i] == nullptr || physical_type(sources_[i]->type) != PhysicalType::bytes) continue;
        bytes_columns.push_back(sources_[i]);
        if (i == table_.schema.key_index) bytes_columns.push_back(sources_[i]);  // it is written twice
    }
    for (std::uint32_t row = first_row; row < end_row; ++row) {
        std::size_t bound = fixed_bytes_;
        for (const auto* column : bytes_columns)
            bound += bytes_text_size(*column, row);
        const std::size_t start = plain_.size();
        char* const begin = plain_.extend(bound);
        char* at = put_row(begin, batch, row);
        DL_CHECK(static_cast<std::size_t>(at + 8 - begin) <= bound, "a row fits into what was made for it");
        store_le(at, offsets.of(row));
        plain_.truncate(start + static_cast<std::size_t>(at + 8 - begin));
    }
    rows_ += end_row - first_row;
}

std::string_view StreamRowsEncoder::plain() {
    store_le(plain_.data(), rows_);
    return {plain_.data(), plain_.size()};
}

std::string StreamRowsEncoder::finish() {
    std::string frame;
    const std::string_view bytes = plain();
    snappy::Compress(bytes.data(), bytes.size(), &frame);
    start();
    return frame;
}

}  // namespace dl
