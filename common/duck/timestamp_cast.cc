#include "common/duck/timestamp_cast.h"

#include <cctype>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/ascii.h"
#include "common/base/quoted_value.h"
#include "common/types/value_text.h"

namespace dl::duck {

namespace {

constexpr std::int64_t kSecond = 1'000'000;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_space(char c) {
    return std::isspace(static_cast<unsigned char>(c)) != 0;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_space(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && is_space(text.back()))
        text.remove_suffix(1);
    return text;
}

// Behind the time of day; all of the text when it has none.
struct ZonedText {
    std::string_view local;
    std::string_view zone;
};
ZonedText split_zone(std::string_view text) {
    auto at = text.find(':');
    if (at == std::string_view::npos) return {text, {}};
    while (at < text.size() && (is_digit(text[at]) || text[at] == ':' || text[at] == '.'))
        ++at;
    return {text.substr(0, at), trimmed(text.substr(at))};
}

// One or two digits, taken off the front; nullopt when there are none or their value is above `most`.
std::optional<std::int64_t> take_part(std::string_view& text, std::int64_t most) {
    std::int64_t value = 0;
    std::size_t digits = 0;
    while (digits < 2 && digits < text.size() && is_digit(text[digits]))
        value = value * 10 + (text[digits++] - '0');
    if (digits == 0 || value > most) return std::nullopt;
    text.remove_prefix(digits);
    return value;
}

// Seconds east of UTC: "Z", "+2", "+0230", "-02:30:15".
std::optional<std::int64_t> offset_of(std::string_view zone) {
    const auto name = ascii_lowercase(zone);
    if (name == "z" || name == "utc" || name == "gmt") return 0;
    if (zone.empty() || (zone.front() != '+' && zone.front() != '-')) return std::nullopt;
    const bool west = zone.front() == '-';
    zone.remove_prefix(1);
    std::int64_t seconds = 0;
    for (std::int64_t unit = 3600; unit != 0; unit /= 60) {
        const auto part = take_part(zone, unit == 3600 ? 15 : 59);
        if (!part) return std::nullopt;
        seconds += *part * unit;
        if (zone.empty()) return west ? -seconds : seconds;
        if (zone.front() == ':') zone.remove_prefix(1);
    }
    return std::nullopt;
}

std::int64_t engines_value(std::string_view text) {
    DuckValue value(duckdb_create_varchar_length(text.data(), text.size()));
    return duckdb_get_timestamp(value.get()).micros;
}

// As the engine's own cast does; nullopt for what it refuses, for which it gives 0. So does the beginning of
// 1970, which is told apart by asking for the same moment of the year behind it.
std::optional<std::int64_t> engines_reading(std::string_view text) {
    text = trimmed(text);
    if (const auto micros = engines_value(text); micros != 0) return micros;
    if (ascii_lowercase(text) == "epoch") return 0;
    constexpr std::string_view kFirstYear = "1970";
    if (!text.starts_with(kFirstYear)) return std::nullopt;
    const auto later = "1971" + std::string(text.substr(kFirstYear.size()));
    return engines_value(later) != 0 ? std::optional<std::int64_t>(0) : std::nullopt;
}

Result<std::int64_t> read_timestamp(std::string_view text) {
    if (const auto plain = parse_timestamp_us(text); plain.has_value()) return *plain;
    const auto refused = [&](const char* why) {
        return make_error(ErrorCode::invalid_value, "invalid timestamp " + quoted_value(text) + ": " + why);
    };
    const auto parts = split_zone(text);
    std::int64_t offset = 0;
    if (!parts.zone.empty()) {
        const auto known = offset_of(parts.zone);
        if (!known)
            return refused(
                "its zone is neither UTC nor an offset such as +02:00; with the name of a zone write "
                "timestamptz '...'");
        offset = *known;
    }
    const auto local = engines_reading(parts.local);
    if (!local) return refused("expected YYYY-MM-DD HH:MM[:SS[.ffffff]][+HH[:MM]]");
    if (offset == 0) return *local;
    std::int64_t micros = 0;
    if (!duckdb_is_finite_timestamp(duckdb_timestamp{*local}) ||
        __builtin_sub_overflow(*local, offset * kSecond, &micros))
        return refused("it is out of range");
    return micros;
}

bool cast(duckdb_function_info info, idx_t count, duckdb_vector input, duckdb_vector output) {
    auto* texts = static_cast<duckdb_string_t*>(duckdb_vector_get_data(input));
    auto* stamps = static_cast<duckdb_timestamp*>(duckdb_vector_get_data(output));
    auto* given = duckdb_vector_get_validity(input);
    const bool strict = duckdb_cast_function_get_cast_mode(info) == DUCKDB_CAST_NORMAL;
    bool all = true;
    for (idx_t i = 0; i < count; ++i) {
        if (given != nullptr && !duckdb_validity_row_is_valid(given, i)) {
            duckdb_vector_ensure_validity_writable(output);
            duckdb_validity_set_row_invalid(duckdb_vector_get_validity(output), i);
            continue;
        }
        const auto read = read_timestamp({duckdb_string_t_data(&texts[i]), duckdb_string_t_length(texts[i])});
        if (read.has_value()) {
            stamps[i].micros = *read;
            continue;
        }
        if (strict) {
            duckdb_cast_function_set_error(info, read.error().message.c_str());
            return false;
        }
        duckdb_cast_function_set_row_error(info, read.error().message.c_str(), i, output);
        all = false;
    }
    return all;
}

}  // namespace

Result<void> register_timestamp_cast(duckdb_connection connection) {
    CastFunction function(duckdb_create_cast_function());
    LogicalType text(duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR));
    LogicalType timestamp(duckdb_create_logical_type(DUCKDB_TYPE_TIMESTAMP));
    duckdb_cast_function_set_source_type(function.get(), text.get());
    duckdb_cast_function_set_target_type(function.get(), timestamp.get());
    // Texts of columns become timestamps only when that is asked for; literals do by the engine's own rules.
    duckdb_cast_function_set_implicit_cast_cost(function.get(), -1);
    duckdb_cast_function_set_function(function.get(), cast);
    if (duckdb_register_cast_function(connection, function.get()) != DuckDBSuccess)
        return make_error(ErrorCode::internal, "DuckDB refused the cast of texts to timestamps");
    return {};
}

}  // namespace dl::duck
