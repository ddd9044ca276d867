// The scanners behind value_text.h, without an error object: true and the value, or false. For loops over
// many values, where the error text is made only when one fails. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/types/data_type.h"
#include "common/types/value_text.h"

namespace dl {

// Optional sign, then digits only; false when empty, malformed or out of the range of 64 bits.
inline bool scan_int64(std::string_view text, std::int64_t& value) {
    const char* at = text.data();
    const char* const end = at + text.size();
    if (at == end) return false;
    const bool negative = *at == '-';
    if (negative || *at == '+') ++at;
    if (at == end) return false;
    while (end - at > 1 && *at == '0')
        ++at;
    if (end - at > 19) return false;
    std::uint64_t magnitude = 0;  // 19 digits fit
    for (; at != end; ++at) {
        const auto digit = static_cast<unsigned>(static_cast<unsigned char>(*at)) - '0';
        if (digit > 9) return false;
        magnitude = magnitude * 10 + digit;
    }
    const std::uint64_t limit = (std::uint64_t{1} << 63) - (negative ? 0 : 1);
    if (magnitude > limit) return false;
    value = static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
    return true;
}
inline bool scan_int32(std::string_view text, std::int32_t& value) {
    std::int64_t wide = 0;
    if (!scan_int64(text, wide) || wide != static_cast<std::int32_t>(wide)) return false;
    value = static_cast<std::int32_t>(wide);
    return true;
}
inline bool scan_boolean(std::string_view text, bool& value) {
    if (text == "true" || text == "1") {
        value = true;
        return true;
    }
    value = false;
    return text == "false" || text == "0";
}
bool scan_float32(std::string_view text, float& value);
bool scan_float64(std::string_view text, double& value);
bool scan_timestamp(std::string_view text, std::int64_t& value_us);
bool scan_date(std::string_view text, std::int32_t& value_days);
bool scan_decimal(std::string_view text, DataType type, Int128& value);
// A number in any decimal form that is whole: 7, 7.0, 70e-1.
bool scan_whole_number(std::string_view text, std::int64_t& value);

// True when every byte is below 0x80.
inline bool is_ascii(std::string_view text) {
    const char* at = text.data();
    std::size_t left = text.size();
    std::uint64_t bits = 0;
    for (; left >= 8; left -= 8, at += 8) {
        std::uint64_t word;
        __builtin_memcpy(&word, at, 8);
        bits |= word;
    }
    for (; left != 0; --left, ++at)
        bits |= static_cast<unsigned char>(*at);
    return (bits & 0x8080808080808080ull) == 0;
}

}  // namespace dl
