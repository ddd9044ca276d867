// Whole numbers in text, without an error object: true and the value, or false. Pure.
#pragma once

#include <cstdint>
#include <string_view>

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

}  // namespace dl
