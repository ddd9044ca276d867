#include "master/sql/sql_parameters.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/duck/parquet_file.h"
#include "common/duck/sql_token.h"
#include "common/types/value_scan.h"
#include "common/types/value_text.h"

namespace dl::master {
namespace {

std::string name_of(std::uint32_t number) {
    return "parameter $" + std::to_string(number);
}

// A minus sign keeps to its number, whatever stands in front.
std::string number_literal(std::string_view number) {
    if (!number.starts_with('-')) return std::string(number);
    return '(' + std::string(number) + ')';
}

Result<std::string> float_literal(const SqlLiteral& value, DataType type) {
    DL_TRY_ASSIGN(const double parsed, parse_float64(value.text));
    std::string text;
    append_float64(text, parsed);
    if (!std::isfinite(parsed))
        return sql_literal(text) + (type.kind == TypeKind::float32 ? "::FLOAT" : "::DOUBLE");
    return number_literal(value.kind == SqlLiteral::Kind::number ? value.text : text);
}

// The literal of a value that must be of `type`.
Result<std::string> typed_literal(const SqlLiteral& value, DataType type) {
    const auto& text = value.text;
    const bool is_number = value.kind == SqlLiteral::Kind::number;
    const bool is_text = value.kind == SqlLiteral::Kind::text;
    switch (type.kind) {
        case TypeKind::string:
            return sql_literal(text);
        case TypeKind::boolean: {
            DL_TRY_ASSIGN(const bool parsed, parse_boolean(text));
            return std::string(parsed ? "TRUE" : "FALSE");
        }
        default:
            break;
    }
    if (value.kind == SqlLiteral::Kind::boolean) return invalid_value_error(text, type);
    switch (type.kind) {
        case TypeKind::int32:
        case TypeKind::int64: {
            std::int64_t parsed = 0;
            if (!scan_int64(text, parsed) && !(is_number && scan_whole_number(text, parsed)))
                return invalid_value_error(text, type);
            if (type.kind == TypeKind::int32 && parsed != static_cast<std::int32_t>(parsed))
                return invalid_value_error(text, type);
            return number_literal(std::to_string(parsed));
        }
        case TypeKind::float32:
        case TypeKind::float64:
            return float_literal(value, type);
        case TypeKind::decimal: {
            // As it is written: a comparison does not round what it compares with.
            const auto parsed = parse_float64(text);
            if (!parsed || !std::isfinite(*parsed)) return invalid_value_error(text, type);
            return number_literal(text.starts_with('+') ? std::string_view(text).substr(1)
                                                        : std::string_view(text));
        }
        case TypeKind::timestamp: {
            if (!is_text) break;
            DL_TRY_ASSIGN(const auto parsed, parse_timestamp_us(text));
            std::string canonical;
            append_timestamp(canonical, parsed);
            return sql_literal(canonical);
        }
        case TypeKind::date: {
            if (!is_text) break;
            DL_TRY_ASSIGN(const auto parsed, parse_date_days(text));
            std::string canonical;
            append_date(canonical, parsed);
            return sql_literal(canonical);
        }
        case TypeKind::binary:
            if (!is_text) break;
            DL_TRY(parse_binary(text));
            return "from_base64(" + sql_literal(text) + ")";
        default:  // shown as text, of a type of the engine's own
            return is_number ? number_literal(text) : sql_literal(text);
    }
    return invalid_value_error(text, type);
}

Result<std::string> untyped_literal(const SqlLiteral& value) {
    if (value.kind == SqlLiteral::Kind::boolean) return std::string(value.text == "true" ? "TRUE" : "FALSE");
    if (value.kind == SqlLiteral::Kind::text) return sql_literal(value.text);
    DL_TRY_ASSIGN(const double parsed, parse_float64(value.text));
    if (!std::isfinite(parsed)) return invalid_value_error(value.text, {TypeKind::float64});
    return number_literal(value.text);
}

}  // namespace

Result<std::vector<ParameterUse>> find_parameters(std::string_view sql) {
    std::vector<ParameterUse> uses;
    std::size_t at = 0;
    for (auto rest = sql; !rest.empty();) {
        const auto token = take_sql_token(rest);
        const auto end = at + token.text.size();
        if (token.kind == SqlToken::Kind::parameter) {
            const auto digits = token.text.substr(1);
            std::uint32_t number = 0;
            const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
            if (read.ec != std::errc() || number == 0 || number > kSqlParametersMax)
                return make_error(ErrorCode::invalid_request, "there is no " + std::string(token.text) +
                                                                  "; parameters are $1 to $" +
                                                                  std::to_string(kSqlParametersMax));
            uses.push_back({number, at, end});
        }
        at = end;
    }
    std::vector<bool> used(parameter_count(uses) + 1);
    for (const auto& use : uses)
        used[use.number] = true;
    for (std::size_t number = 1; number < used.size(); ++number)
        if (!used[number])
            return make_error(ErrorCode::invalid_request,
                              "the statement uses $" + std::to_string(used.size() - 1) + ", but not $" +
                                  std::to_string(number) + "; number the parameters without gaps");
    return uses;
}

std::size_t parameter_count(const std::vector<ParameterUse>& uses) {
    std::size_t count = 0;
    for (const auto& use : uses)
        count = std::max<std::size_t>(count, use.number);
    return count;
}

Result<void> check_parameter_count(std::size_t used, std::size_t given) {
    if (used == given) return {};
    const auto counted = [](std::size_t count, const std::string& what) {
        return std::to_string(count) + ' ' + what + (count == 1 ? "" : "s");
    };
    return make_error(ErrorCode::invalid_request, "the statement has " + counted(used, "parameter") +
                                                      ", options.params has " + counted(given, "value") +
                                                      "; give $1 the first of them, and so on");
}

Result<std::string> parameter_literal(std::uint32_t number, const SqlLiteral& value,
                                      const std::optional<DataType>& type) {
    if (value.kind == SqlLiteral::Kind::null) return std::string("NULL");
    if (value.text.find('\0') != std::string::npos)
        return make_error(ErrorCode::invalid_value,
                          name_of(number) + ": text with a zero byte; a SELECT takes none");
    auto literal = type ? typed_literal(value, *type) : untyped_literal(value);
    if (literal.has_error()) return parameter_error(number, literal.error());
    return literal;
}

std::string with_literals(std::string_view sql, const std::vector<ParameterUse>& uses,
                          const std::vector<std::string>& literals) {
    std::string text;
    std::size_t from = 0;
    for (const auto& use : uses) {
        text += sql.substr(from, use.begin - from);
        // Nothing grows together with what stands beside it.
        text += ' ' + literals[use.number - 1] + ' ';
        from = use.end;
    }
    text += sql.substr(from);
    return text;
}

Error parameter_error(std::uint32_t number, const Error& error) {
    return error.in(name_of(number));
}

}  // namespace dl::master
