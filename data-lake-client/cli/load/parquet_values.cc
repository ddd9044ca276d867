#include "data-lake-client/cli/load/parquet_values.h"

#include "common/json/json_check.h"
#include "common/types/value_text.h"
#include "data-lake-client/cli/load/parquet_nested.h"

namespace datalake::cli {
namespace {

template <class T>
ParquetValueReader printed(void (*print)(std::string&, T), FieldKind kind) {
    return [print, kind](const void* data, idx_t row, std::string& scratch, Field& field, std::string&) {
        scratch.clear();
        print(scratch, static_cast<const T*>(data)[row]);
        field = {scratch, kind};
        return true;
    };
}

template <class T>
ParquetValueReader decimal_reader(std::uint8_t scale, FieldKind kind) {
    return [scale, kind](const void* data, idx_t row, std::string& scratch, Field& field, std::string&) {
        scratch.clear();
        if constexpr (std::is_same_v<T, duckdb_hugeint>) {
            const auto value = static_cast<const T*>(data)[row];
            dl::append_decimal(
                scratch, (static_cast<dl::Int128>(value.upper) << 64) | static_cast<dl::Int128>(value.lower),
                scale);
        } else {
            dl::append_decimal(scratch, static_cast<dl::Int128>(static_cast<const T*>(data)[row]), scale);
        }
        field = {scratch, kind};
        return true;
    };
}

bool read_nanoseconds(const void* data, idx_t row, std::string& scratch, std::string& reason) {
    const auto ns = static_cast<const std::int64_t*>(data)[row];
    const auto us = ns / 1000 - (ns % 1000 < 0 ? 1 : 0);
    scratch.clear();
    dl::append_timestamp(scratch, us);
    if (us * 1000 == ns) return true;
    if (us % 1'000'000 == 0) scratch += ".000000";
    const auto rest = std::to_string(ns - us * 1000);
    scratch.append(3 - rest.size(), '0').append(rest);
    reason = "finer than microseconds, which is what a timestamp holds";
    return false;
}

void append_int32(std::string& out, std::int32_t value) {
    dl::append_int64(out, value);
}
// A float in a double column is the double of the same value.
void append_widened(std::string& out, float value) {
    dl::append_float64(out, static_cast<double>(value));
}

}  // namespace

std::string_view duck_string_at(const void* data, idx_t row) {
    auto* value = const_cast<duckdb_string_t*>(static_cast<const duckdb_string_t*>(data) + row);
    return {duckdb_string_t_data(value), duckdb_string_t_length(*value)};
}

ParquetMapping map_parquet_type(duckdb_logical_type type) {
    switch (duckdb_get_type_id(type)) {
        case DUCKDB_TYPE_BOOLEAN:
            return {"boolean", "", "VARCHAR"};
        case DUCKDB_TYPE_INTEGER:
            return {"int", "", "VARCHAR"};
        case DUCKDB_TYPE_TINYINT:
        case DUCKDB_TYPE_SMALLINT:
        case DUCKDB_TYPE_UTINYINT:
        case DUCKDB_TYPE_USMALLINT:
            return {"int", "INTEGER", "VARCHAR"};
        case DUCKDB_TYPE_BIGINT:
            return {"long", "", "VARCHAR"};
        case DUCKDB_TYPE_UINTEGER:
            return {"long", "BIGINT", "VARCHAR"};
        case DUCKDB_TYPE_UBIGINT:
            return {"decimal(20,0)", "DECIMAL(20,0)", "VARCHAR"};
        case DUCKDB_TYPE_FLOAT:
            return {"float", "", "FLOAT"};
        case DUCKDB_TYPE_DOUBLE:
            return {"double", "", "DOUBLE"};
        case DUCKDB_TYPE_DECIMAL:
            return {"decimal(" + std::to_string(duckdb_decimal_width(type)) + "," +
                        std::to_string(duckdb_decimal_scale(type)) + ")",
                    "", "VARCHAR"};
        case DUCKDB_TYPE_DATE:
            return {"date", "", "VARCHAR"};
        case DUCKDB_TYPE_TIMESTAMP:
            return {"timestamp", "", "VARCHAR"};
        case DUCKDB_TYPE_TIMESTAMP_S:
        case DUCKDB_TYPE_TIMESTAMP_MS:
            return {"timestamp", "TIMESTAMP", "VARCHAR"};
        case DUCKDB_TYPE_TIMESTAMP_TZ:
            return {"timestamp", "TIMESTAMP", "TIMESTAMP"};
        case DUCKDB_TYPE_TIMESTAMP_NS:
            return {"timestamp", "", "VARCHAR"};
        case DUCKDB_TYPE_BLOB:
            return {"binary", "", ""};
        case DUCKDB_TYPE_VARCHAR:
            return {"string", "", "VARCHAR"};
        case DUCKDB_TYPE_UUID:
        case DUCKDB_TYPE_ENUM:
        case DUCKDB_TYPE_SQLNULL:
            return {"string", "VARCHAR", "VARCHAR"};
        case DUCKDB_TYPE_LIST:
        case DUCKDB_TYPE_STRUCT:
        case DUCKDB_TYPE_MAP:
        case DUCKDB_TYPE_ARRAY:
            return {"", "", "JSON"};
        case DUCKDB_TYPE_TIME:
        case DUCKDB_TYPE_TIME_NS:
        case DUCKDB_TYPE_TIME_TZ:
        case DUCKDB_TYPE_INTERVAL:
            return {"", "", "VARCHAR"};
        default:
            return {"", "", ""};
    }
}

std::string_view parquet_type_word(duckdb_logical_type type) {
    switch (duckdb_get_type_id(type)) {
        case DUCKDB_TYPE_LIST:
        case DUCKDB_TYPE_ARRAY:
            return "list";
        case DUCKDB_TYPE_STRUCT:
            return "struct";
        case DUCKDB_TYPE_MAP:
            return "map";
        case DUCKDB_TYPE_TIME:
        case DUCKDB_TYPE_TIME_NS:
        case DUCKDB_TYPE_TIME_TZ:
            return "time of day";
        case DUCKDB_TYPE_INTERVAL:
            return "interval";
        default:
            return "type without a name here";
    }
}

ParquetValueReader parquet_json_reader(bool has_map) {
    return [has_map](const void* data, idx_t row, std::string&, Field& field, std::string& reason) {
        const auto text = duck_string_at(data, row);
        field = {text, FieldKind::text};
        if (dl::is_json_text(text)) {
            const auto twice = has_map ? repeated_json_key(text) : std::nullopt;
            if (!twice) return true;
            reason =
                "a map in it has the key " + std::string(*twice) + " twice, which JSON cannot tell apart";
            return false;
        }
        reason = "it holds what JSON cannot write, such as NaN or an infinity";
        return false;
    };
}

ParquetValueReader parquet_value_reader(duckdb_logical_type type, bool exact, dl::TypeKind target) {
    const auto kind = [&](FieldKind other) { return exact ? FieldKind::exact : other; };
    switch (duckdb_get_type_id(type)) {
        case DUCKDB_TYPE_BOOLEAN:
            return printed<bool>(dl::append_boolean, kind(FieldKind::boolean));
        case DUCKDB_TYPE_INTEGER:
            return printed<std::int32_t>(append_int32, kind(FieldKind::number));
        case DUCKDB_TYPE_BIGINT:
            return printed<std::int64_t>(dl::append_int64, kind(FieldKind::number));
        case DUCKDB_TYPE_FLOAT:
            if (target == dl::TypeKind::float64) return printed<float>(append_widened, FieldKind::exact);
            return printed<float>(dl::append_float32, kind(FieldKind::number));
        case DUCKDB_TYPE_DOUBLE:
            return printed<double>(dl::append_float64, kind(FieldKind::number));
        case DUCKDB_TYPE_DATE:
            return printed<std::int32_t>(dl::append_date, kind(FieldKind::text));
        case DUCKDB_TYPE_TIMESTAMP:
            return printed<std::int64_t>(dl::append_timestamp, kind(FieldKind::text));
        case DUCKDB_TYPE_TIMESTAMP_NS:
            return [kind = kind(FieldKind::text)](const void* data, idx_t row, std::string& scratch,
                                                  Field& field, std::string& reason) {
                const bool good = read_nanoseconds(data, row, scratch, reason);
                field = {scratch, kind};
                return good;
            };
        case DUCKDB_TYPE_BLOB:
            return [](const void* data, idx_t row, std::string& scratch, Field& field, std::string&) {
                scratch.clear();
                dl::append_base64(scratch, duck_string_at(data, row));
                field = {scratch, FieldKind::exact};
                return true;
            };
        case DUCKDB_TYPE_DECIMAL: {
            const auto scale = duckdb_decimal_scale(type);
            switch (duckdb_decimal_internal_type(type)) {
                case DUCKDB_TYPE_SMALLINT:
                    return decimal_reader<std::int16_t>(scale, kind(FieldKind::number));
                case DUCKDB_TYPE_INTEGER:
                    return decimal_reader<std::int32_t>(scale, kind(FieldKind::number));
                case DUCKDB_TYPE_BIGINT:
                    return decimal_reader<std::int64_t>(scale, kind(FieldKind::number));
                default:
                    return decimal_reader<duckdb_hugeint>(scale, kind(FieldKind::number));
            }
        }
        default:
            return [kind = kind(FieldKind::text)](const void* data, idx_t row, std::string&, Field& field,
                                                  std::string&) {
                field = {duck_string_at(data, row), kind};
                return true;
            };
    }
}

}  // namespace datalake::cli
