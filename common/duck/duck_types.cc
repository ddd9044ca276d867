#include "common/duck/duck_types.h"

#include <cstring>
#include <memory>

#include "common/base/check.h"

namespace dl::duck {

LogicalType logical_type(DataType type) {
    switch (type.kind) {
        case TypeKind::int32:
            return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_INTEGER));
        case TypeKind::int64:
            return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_BIGINT));
        case TypeKind::float32:
            return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_FLOAT));
        case TypeKind::float64:
            return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE));
        case TypeKind::boolean:
            return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN));
        case TypeKind::timestamp:
            return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_TIMESTAMP));
        case TypeKind::date:
            return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_DATE));
        case TypeKind::decimal:
            return LogicalType(duckdb_create_decimal_type(type.precision, type.scale));
        case TypeKind::binary:
            return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_BLOB));
        case TypeKind::string:
        case TypeKind::json:
            return LogicalType(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
    }
    DL_CHECK(false, "every type kind has a DuckDB type");
    return {};
}

namespace {

bool is_json(duckdb_logical_type type) {
    char* alias = duckdb_logical_type_get_alias(type);
    const bool json = alias != nullptr && std::strcmp(alias, "JSON") == 0;
    duckdb_free(alias);
    return json;
}

constexpr DataType kLong{TypeKind::int64, 0, 0};
constexpr DataType kHuge{TypeKind::decimal, 38, 0};

}  // namespace

ResultMapping result_mapping(duckdb_logical_type type) {
    using Convert = ResultMapping::Convert;
    switch (duckdb_get_type_id(type)) {
        case DUCKDB_TYPE_BOOLEAN:
            return {{TypeKind::boolean, 0, 0}, Convert::copy, 1};
        case DUCKDB_TYPE_TINYINT:
            return {kLong, Convert::widen8, 1};
        case DUCKDB_TYPE_SMALLINT:
            return {kLong, Convert::widen16, 2};
        case DUCKDB_TYPE_INTEGER:
            return {{TypeKind::int32, 0, 0}, Convert::copy, 4};
        case DUCKDB_TYPE_BIGINT:
            return {kLong, Convert::copy, 8};
        case DUCKDB_TYPE_UTINYINT:
            return {kLong, Convert::widen_u8, 1};
        case DUCKDB_TYPE_USMALLINT:
            return {kLong, Convert::widen_u16, 2};
        case DUCKDB_TYPE_UINTEGER:
            return {kLong, Convert::widen_u32, 4};
        case DUCKDB_TYPE_UBIGINT:
            return {kHuge, Convert::u64_to_128, 8};
        case DUCKDB_TYPE_HUGEINT:
            return {kHuge, Convert::hugeint, 16};
        case DUCKDB_TYPE_UHUGEINT:
            return {kHuge, Convert::uhugeint, 16};
        case DUCKDB_TYPE_FLOAT:
            return {{TypeKind::float32, 0, 0}, Convert::copy, 4};
        case DUCKDB_TYPE_DOUBLE:
            return {{TypeKind::float64, 0, 0}, Convert::copy, 8};
        case DUCKDB_TYPE_DATE:
            return {{TypeKind::date, 0, 0}, Convert::copy, 4};
        case DUCKDB_TYPE_TIMESTAMP:
        case DUCKDB_TYPE_TIMESTAMP_TZ:
            return {{TypeKind::timestamp, 0, 0}, Convert::copy, 8};
        case DUCKDB_TYPE_TIMESTAMP_MS:
            return {{TypeKind::timestamp, 0, 0}, Convert::milliseconds, 8};
        case DUCKDB_TYPE_TIMESTAMP_S:
            return {{TypeKind::timestamp, 0, 0}, Convert::seconds, 8};
        case DUCKDB_TYPE_BLOB:
            return {{TypeKind::binary, 0, 0}, Convert::copy, 16};
        case DUCKDB_TYPE_VARCHAR:
            return {{is_json(type) ? TypeKind::json : TypeKind::string, 0, 0}, Convert::copy, 16};
        case DUCKDB_TYPE_DECIMAL: {
            const DataType decimal{TypeKind::decimal, duckdb_decimal_width(type), duckdb_decimal_scale(type)};
            switch (duckdb_decimal_internal_type(type)) {
                case DUCKDB_TYPE_SMALLINT:
                    return {decimal, Convert::decimal16, 2};
                case DUCKDB_TYPE_INTEGER:
                    return {decimal, Convert::decimal32, 4};
                case DUCKDB_TYPE_BIGINT:
                    return {decimal, Convert::copy, 8};
                default:
                    return {decimal, Convert::copy, 16};
            }
        }
        case DUCKDB_TYPE_SQLNULL:
            return {{TypeKind::int32, 0, 0}, Convert::copy, 4, "CAST(", " AS INTEGER)"};
        case DUCKDB_TYPE_LIST:
        case DUCKDB_TYPE_ARRAY:
        case DUCKDB_TYPE_STRUCT:
        case DUCKDB_TYPE_MAP:
        case DUCKDB_TYPE_UNION:
            return {{TypeKind::json, 0, 0}, Convert::copy, 16, "to_json(", ")"};
        default:
            return {{TypeKind::string, 0, 0}, Convert::copy, 16, "CAST(", " AS VARCHAR)"};
    }
}

}  // namespace dl::duck
