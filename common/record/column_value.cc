// Values of a ColumnBatch as text, as JSON, from text, and as key bytes.
#include <cmath>
#include <limits>

#include "common/base/limits.h"
#include "common/record/column_batch.h"
#include "common/types/value_scan.h"

namespace dl {
namespace {

Int128 decimal_at(const ColumnView& column, std::uint32_t row) {
    if (column.type.precision <= 18) return column.fixed<std::int64_t>(row);
    return column.fixed<Int128>(row);
}

void append_decimal_text(ColumnBatchBuilder& builder, std::size_t column, DataType type, Int128 value) {
    if (type.precision <= 18)
        builder.append_fixed(column, static_cast<std::int64_t>(value));
    else
        builder.append_fixed(column, value);
}

Error too_long(std::string_view text, DataType type) {
    return make_error(ErrorCode::limit_exceeded,
                      quoted_value(text) + ": a " + type_name(type) + " of " + std::to_string(text.size()) +
                          " bytes is longer than value_bytes_max (" +
                          std::to_string(limits::value_bytes_max) + "); store it in parts");
}

std::string_view store_scratch(char* scratch, auto value) {
    store_le(scratch, value);
    return {scratch, sizeof value};
}

// One form for equal numbers: no negative zero, one NaN.
double canonical_double(double value) {
    if (value == 0) return 0.0;
    return std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value;
}

}  // namespace

void append_value_text(std::string& out, const ColumnView& column, std::uint32_t row) {
    switch (column.type.kind) {
        case TypeKind::int32:
            return append_int64(out, column.fixed<std::int32_t>(row));
        case TypeKind::int64:
            return append_int64(out, column.fixed<std::int64_t>(row));
        case TypeKind::float32:
            return append_float32(out, column.fixed<float>(row));
        case TypeKind::float64:
            return append_float64(out, column.fixed<double>(row));
        case TypeKind::boolean:
            return append_boolean(out, column.fixed<std::uint8_t>(row) != 0);
        case TypeKind::timestamp:
            return append_timestamp(out, column.fixed<std::int64_t>(row));
        case TypeKind::date:
            return append_date(out, column.fixed<std::int32_t>(row));
        case TypeKind::decimal:
            return append_decimal(out, decimal_at(column, row), column.type.scale);
        case TypeKind::binary:
            return append_base64(out, column.bytes(row));
        case TypeKind::string:
        case TypeKind::json:
            out.append(column.bytes(row));
            return;
    }
}

void append_value_json(std::string& out, const ColumnView& column, std::uint32_t row) {
    if (column.is_null(row)) {
        out += "null";
        return;
    }
    switch (column.type.kind) {
        case TypeKind::string:
            return append_json_string(out, column.bytes(row));
        case TypeKind::float32:
        case TypeKind::float64: {
            const double value = column.type.kind == TypeKind::float32 ? double{column.fixed<float>(row)}
                                                                       : column.fixed<double>(row);
            if (std::isfinite(value)) return append_value_text(out, column, row);
            [[fallthrough]];
        }
        case TypeKind::timestamp:
        case TypeKind::date:
        case TypeKind::binary:
            // None of their characters needs an escape.
            out += '"';
            append_value_text(out, column, row);
            out += '"';
            return;
        default:
            return append_value_text(out, column, row);
    }
}

void append_text_as_json(std::string& out, DataType type, std::string_view text) {
    switch (type.kind) {
        case TypeKind::int32:
        case TypeKind::int64:
        case TypeKind::decimal:
        case TypeKind::boolean:
        case TypeKind::json:
            out += text;
            return;
        case TypeKind::float32:
        case TypeKind::float64:
            if (text != "nan" && text != "inf" && text != "-inf") {
                out += text;
                return;
            }
            break;
        default:
            break;
    }
    append_json_string(out, text);
}

Result<void> append_parsed_text(ColumnBatchBuilder& builder, std::size_t column, DataType type,
                                std::string_view text) {
    bool good = false;
    const auto take = [&](auto value, bool (*scan)(std::string_view, decltype(value)&)) {
        good = scan(text, value);
        if (good) builder.append_fixed(column, value);
    };
    switch (type.kind) {
        case TypeKind::int32:
            take(std::int32_t{}, scan_int32);
            break;
        case TypeKind::int64:
            take(std::int64_t{}, scan_int64);
            break;
        case TypeKind::float32:
            take(float{}, scan_float32);
            break;
        case TypeKind::float64:
            take(double{}, scan_float64);
            break;
        case TypeKind::timestamp:
            take(std::int64_t{}, scan_timestamp);
            break;
        case TypeKind::date:
            take(std::int32_t{}, scan_date);
            break;
        case TypeKind::boolean: {
            bool value = false;
            good = scan_boolean(text, value);
            if (good) builder.append_fixed(column, static_cast<std::uint8_t>(value));
            break;
        }
        case TypeKind::decimal: {
            Int128 value = 0;
            good = scan_decimal(text, type, value);
            if (good) append_decimal_text(builder, column, type, value);
            break;
        }
        case TypeKind::binary: {
            if (text.size() > limits::value_bytes_max) return too_long(text, type);
            if (text.empty()) {
                builder.append_bytes(column, {});
                return {};
            }
            DL_TRY_ASSIGN(const std::string bytes, parse_binary(text));
            builder.append_bytes(column, bytes);
            return {};
        }
        case TypeKind::string:
        case TypeKind::json:
            if (text.size() > limits::value_bytes_max) return too_long(text, type);
            good = is_utf8(text);
            if (good) builder.append_bytes(column, text);
            break;
    }
    if (!good) [[unlikely]]
        return invalid_value_error(text, type);
    return {};
}

std::string_view key_bytes(const ColumnView& column, std::uint32_t row, char* scratch) {
    switch (column.type.kind) {
        case TypeKind::int32:
        case TypeKind::date:
            return store_scratch(scratch, std::int64_t{column.fixed<std::int32_t>(row)});
        case TypeKind::int64:
        case TypeKind::timestamp:
            return store_scratch(scratch, column.fixed<std::int64_t>(row));
        case TypeKind::decimal:
            if (column.type.precision <= 18) return store_scratch(scratch, column.fixed<std::int64_t>(row));
            return store_scratch(scratch, column.fixed<Int128>(row));
        case TypeKind::float32:
            return store_scratch(scratch, canonical_double(column.fixed<float>(row)));
        case TypeKind::float64:
            return store_scratch(scratch, canonical_double(column.fixed<double>(row)));
        case TypeKind::boolean:
            return store_scratch(scratch, column.fixed<std::uint8_t>(row));
        case TypeKind::string:
        case TypeKind::binary:
        case TypeKind::json:
            return column.bytes(row);
    }
    return {};
}

}  // namespace dl
