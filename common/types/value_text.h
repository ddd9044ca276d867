// Text forms of values (PROTOCOL 2.1): parsing any accepted form, printing the one canonical form. Pure, no
// allocation per value except where a std::string grows. Errors are INVALID_VALUE with value and type;
// callers add row and column.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/base/quoted_value.h"
#include "common/base/utf8.h"
#include "common/json/json_writer.h"
#include "common/types/data_type.h"

namespace dl {

__extension__ typedef __int128 Int128;

// Parsers. Empty text is an error for all of them.
Result<std::int32_t> parse_int32(std::string_view text);
Result<std::int64_t> parse_int64(std::string_view text);
Result<float> parse_float32(std::string_view text);
Result<double> parse_float64(std::string_view text);
Result<bool> parse_boolean(std::string_view text);
// ISO 8601 with 'T' or blank, optional fraction (more than 6 digits are rounded) and zone (none = UTC).
Result<std::int64_t> parse_timestamp_us(std::string_view text);
Result<std::int32_t> parse_date_days(std::string_view text);
// Plain or exponent form; digits beyond the scale are rounded half away from zero, as DuckDB does; too many
// digits in front is an error.
Result<Int128> parse_decimal(std::string_view text, DataType type);
// Base64 with padding (RFC 4648); returns the bytes.
Result<std::string> parse_binary(std::string_view text);

// Canonical printers, appended to `out`: 7, -3; shortest round-trip floats, "nan", "inf", "-inf"; true/false;
// 2024-01-31 12:00:00 or 2024-01-31 12:00:00.123456 (fraction only when not zero); 2024-01-31; 12.50; base64.
void append_int64(std::string& out, std::int64_t value);
void append_float32(std::string& out, float value);
void append_float64(std::string& out, double value);
void append_boolean(std::string& out, bool value);
void append_timestamp(std::string& out, std::int64_t value_us);
void append_date(std::string& out, std::int32_t value_days);
void append_decimal(std::string& out, Int128 unscaled, std::uint8_t scale);
void append_base64(std::string& out, std::string_view bytes);

// INVALID_VALUE: `"abc" is not a valid int; <the forms of an int>`.
Error invalid_value_error(std::string_view text, DataType type);

}  // namespace dl
