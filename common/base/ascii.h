// Letters of ASCII, whatever the locale. Other bytes stay as they are, so UTF-8 stays UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dl {

constexpr char ascii_lowercase(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Identifiers, keywords and function names of SQL compare by this, as DuckDB compares them.
inline std::string ascii_lowercase(std::string_view text) {
    std::string lower(text);
    for (char& c : lower)
        c = ascii_lowercase(c);
    return lower;
}

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
