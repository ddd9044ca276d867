// Numbers and booleans of value_text.h.
#include "common/types/value_text.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "common/types/value_put.h"
#include "common/types/value_scan.h"

namespace dl {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

template <class T>
bool scan_float(std::string_view text, T& value) {
    if (text == "nan" || text == "NaN") {
        value = std::numeric_limits<T>::quiet_NaN();
        return true;
    }
    if (text == "inf" || text == "-inf" || text == "Infinity" || text == "-Infinity") {
        value = text[0] == '-' ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
        return true;
    }
    const char* begin = text.data();
    const char* const end = begin + text.size();
    if (begin != end && *begin == '+') ++begin;
    const char* digits = begin;
    if (digits != end && *digits == '-' && digits == text.data()) ++digits;
    // from_chars also takes words; only forms that begin with a digit or with .digit are wanted.
    if (digits == end || !(is_digit(*digits) || (*digits == '.' && end - digits > 1 && is_digit(digits[1]))))
        return false;
    const auto [stop, error] = std::from_chars(begin, end, value, std::chars_format::general);
    if (stop != end) return false;
    if (error == std::errc{}) return std::isfinite(value);
    if (error != std::errc::result_out_of_range) return false;
    // Too small is rounded to zero or a subnormal like any other rounding; too large is an error. The
    // exponent's sign does not tell (0.000...1e5), a wider type does not exist for double, so the text is
    // read once more.
    const std::string copy(begin, end);
    errno = 0;
    const double wide = std::strtod(copy.c_str(), nullptr);
    if (std::fabs(wide) > 1.0) return false;
    value = static_cast<T>(wide);
    return true;
}

template <class T>
char* put_float(char* at, T value) {
    if (std::isnan(value)) return put_text(at, "nan");
    if (std::isinf(value)) return put_text(at, value < 0 ? "-inf" : "inf");
    return std::to_chars(at, at + kFixedTextBytesMax, value).ptr;
}

__extension__ typedef unsigned __int128 UInt128;

constexpr UInt128 power_of_ten(unsigned exponent) {
    UInt128 value = 1;
    while (exponent-- > 0)
        value *= 10;
    return value;
}

// The shape of a decimal number in text: digits with an optional point in them, and an exponent.
struct DecimalShape {
    bool negative = false;
    std::string_view whole;
    std::string_view fraction;
    std::int64_t exponent = 0;
};

bool scan_exponent(std::string_view text, std::int64_t& exponent) {
    bool negative = false;
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
        negative = text[0] == '-';
        text.remove_prefix(1);
    }
    if (text.empty()) return false;
    std::int64_t magnitude = 0;
    for (const char c : text) {
        if (!is_digit(c)) return false;
        // Clamped: no text has 10^12 digits to make up for it.
        if (magnitude < 1'000'000'000'000) magnitude = magnitude * 10 + (c - '0');
    }
    exponent = negative ? -magnitude : magnitude;
    return true;
}

bool scan_shape(std::string_view text, DecimalShape& shape) {
    if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
        shape.negative = text[0] == '-';
        text.remove_prefix(1);
    }
    std::size_t at = 0;
    while (at < text.size() && is_digit(text[at]))
        ++at;
    shape.whole = text.substr(0, at);
    if (at < text.size() && text[at] == '.') {
        const std::size_t begin = ++at;
        while (at < text.size() && is_digit(text[at]))
            ++at;
        shape.fraction = text.substr(begin, at - begin);
    }
    if (shape.whole.empty() && shape.fraction.empty()) return false;
    if (at == text.size()) return true;
    return (text[at] == 'e' || text[at] == 'E') && scan_exponent(text.substr(at + 1), shape.exponent);
}

// `exact` tells whether no digit other than zero was cut off.
bool scan_decimal_digits(std::string_view text, DataType type, Int128& value, bool& exact) {
    exact = true;
    DecimalShape shape;
    if (!scan_shape(text, shape)) return false;
    // Digits in front of the cut, counted from the first digit of the text, zeros included.
    const std::int64_t keep = static_cast<std::int64_t>(shape.whole.size()) + shape.exponent + type.scale;
    const UInt128 limit = power_of_ten(type.precision);
    UInt128 magnitude = 0;
    std::int64_t seen = 0;
    for (const std::string_view part : {shape.whole, shape.fraction}) {
        for (const char c : part) {
            const auto digit = static_cast<unsigned>(c - '0');
            if (seen < keep) {
                if (magnitude >= limit / 10) return false;  // the product would reach the limit, or overflow
                magnitude = magnitude * 10 + digit;
            } else {
                exact = exact && digit == 0;
                // Half away from zero: the first digit behind the cut decides.
                if (seen == keep && digit >= 5) ++magnitude;
            }
            ++seen;
        }
    }
    for (; seen < keep && magnitude != 0; ++seen) {
        if (magnitude >= limit / 10) return false;
        magnitude *= 10;
    }
    if (magnitude >= limit) return false;
    value = shape.negative ? -static_cast<Int128>(magnitude) : static_cast<Int128>(magnitude);
    return true;
}

}  // namespace

bool scan_float32(std::string_view text, float& value) {
    return scan_float(text, value);
}
bool scan_float64(std::string_view text, double& value) {
    return scan_float(text, value);
}

bool scan_decimal(std::string_view text, DataType type, Int128& value) {
    bool exact = false;
    return scan_decimal_digits(text, type, value, exact);
}

bool scan_whole_number(std::string_view text, std::int64_t& value) {
    Int128 wide = 0;
    bool exact = false;
    if (!scan_decimal_digits(text, {TypeKind::decimal, 38, 0}, wide, exact) || !exact) return false;
    value = static_cast<std::int64_t>(wide);
    return value == wide;
}

bool scan_epoch(std::string_view number, TimestampUnit unit, std::int64_t& value_us) {
    constexpr std::uint8_t kScales[] = {6, 3, 0, 0};
    Int128 wide = 0;
    bool exact = false;
    const DataType type{TypeKind::decimal, 38, kScales[static_cast<int>(unit)]};
    if (!scan_decimal_digits(number, type, wide, exact) || !exact) return false;
    if (unit == TimestampUnit::ns) {
        if (wide % 1000 != 0) return false;
        wide /= 1000;
    }
    value_us = static_cast<std::int64_t>(wide);
    return value_us == wide && is_timestamp_in_range(value_us);
}

Result<std::int32_t> parse_int32(std::string_view text) {
    std::int32_t value = 0;
    if (!scan_int32(text, value)) return invalid_value_error(text, {TypeKind::int32});
    return value;
}

Result<std::int64_t> parse_int64(std::string_view text) {
    std::int64_t value = 0;
    if (!scan_int64(text, value)) return invalid_value_error(text, {TypeKind::int64});
    return value;
}

Result<float> parse_float32(std::string_view text) {
    float value = 0;
    if (!scan_float32(text, value)) return invalid_value_error(text, {TypeKind::float32});
    return value;
}

Result<double> parse_float64(std::string_view text) {
    double value = 0;
    if (!scan_float64(text, value)) return invalid_value_error(text, {TypeKind::float64});
    return value;
}

Result<bool> parse_boolean(std::string_view text) {
    bool value = false;
    if (!scan_boolean(text, value)) return invalid_value_error(text, {TypeKind::boolean});
    return value;
}

Result<Int128> parse_decimal(std::string_view text, DataType type) {
    Int128 value = 0;
    if (!scan_decimal(text, type, value)) return invalid_value_error(text, type);
    return value;
}

char* put_int64(char* at, std::int64_t value) {
    return std::to_chars(at, at + kFixedTextBytesMax, value).ptr;
}
char* put_float32(char* at, float value) {
    return put_float(at, value);
}
char* put_float64(char* at, double value) {
    return put_float(at, value);
}

char* put_decimal(char* at, Int128 unscaled, std::uint8_t scale) {
    // From behind: 39 digits of 2^127, a sign, a point, and zeros up to a scale of 255.
    char text[300];
    char* const end = text + sizeof text;
    char* front = end;
    auto rest = static_cast<UInt128>(unscaled);
    if (unscaled < 0) rest = 0 - rest;
    unsigned digits = 0;
    while (rest != 0 || digits <= scale) {
        if (digits == scale && scale != 0) *--front = '.';
        if (rest >> 64 == 0) {
            const auto small = static_cast<std::uint64_t>(rest);
            *--front = static_cast<char>('0' + small % 10);
            rest = small / 10;
        } else {
            *--front = static_cast<char>('0' + static_cast<unsigned>(rest % 10));
            rest /= 10;
        }
        ++digits;
    }
    if (unscaled < 0) *--front = '-';
    return put_text(at, {front, static_cast<std::size_t>(end - front)});
}

namespace {

template <class Put, class... Args>
void append_put(std::string& out, Put put, Args... args) {
    char text[300];
    out.append(text, static_cast<std::size_t>(put(text, args...) - text));
}

}  // namespace

void append_int64(std::string& out, std::int64_t value) {
    append_put(out, put_int64, value);
}
void append_float32(std::string& out, float value) {
    append_put(out, put_float32, value);
}
void append_float64(std::string& out, double value) {
    append_put(out, put_float64, value);
}
void append_boolean(std::string& out, bool value) {
    out += value ? "true" : "false";
}
void append_timestamp(std::string& out, std::int64_t value_us) {
    append_put(out, put_timestamp, value_us);
}
void append_date(std::string& out, std::int32_t value_days) {
    append_put(out, put_date, value_days);
}
void append_decimal(std::string& out, Int128 unscaled, std::uint8_t scale) {
    append_put(out, put_decimal, unscaled, scale);
}

}  // namespace dl
