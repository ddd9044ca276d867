// The SQL text helpers of parquet_file.h.
#include <algorithm>
#include <cctype>

#include "common/duck/parquet_file.h"

namespace dl {

namespace {

std::string quoted(std::string_view text, char quote) {
    std::string out(1, quote);
    for (const char c : text) {
        if (c == quote) out += quote;
        out += c;
    }
    out += quote;
    return out;
}

}  // namespace

std::string sql_literal(std::string_view text) {
    // A zero byte would end the statement where DuckDB reads it.
    if (text.find('\0') == std::string_view::npos) return quoted(text, '\'');
    std::string out = "(";
    std::size_t begin = 0;
    for (;;) {
        const auto end = text.find('\0', begin);
        out += quoted(text.substr(begin, end == std::string_view::npos ? end : end - begin), '\'');
        if (end == std::string_view::npos) break;
        out += " || chr(0) || ";
        begin = end + 1;
    }
    return out + ")";
}

std::string sql_identifier(std::string_view name) {
    return quoted(name, '"');
}

std::string duck_type_name(DataType type) {
    switch (type.kind) {
        case TypeKind::int32:
            return "INTEGER";
        case TypeKind::int64:
            return "BIGINT";
        case TypeKind::float32:
            return "FLOAT";
        case TypeKind::float64:
            return "DOUBLE";
        case TypeKind::boolean:
            return "BOOLEAN";
        case TypeKind::timestamp:
            return "TIMESTAMP";
        case TypeKind::date:
            return "DATE";
        case TypeKind::decimal:
            return "DECIMAL(" + std::to_string(type.precision) + "," + std::to_string(type.scale) + ")";
        case TypeKind::binary:
            return "BLOB";
        case TypeKind::string:
        case TypeKind::json:
            break;
    }
    return "VARCHAR";
}

std::string sql_default(const Field& field) {
    if (!field.default_text) return "CAST(NULL AS " + duck_type_name(field.type) + ")";
    if (field.type.kind == TypeKind::binary) return "from_base64(" + sql_literal(*field.default_text) + ")";
    return "CAST(" + sql_literal(*field.default_text) + " AS " + duck_type_name(field.type) + ")";
}

}  // namespace dl
