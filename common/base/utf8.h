// UTF-8: is it, and writing it. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dl {

// Valid UTF-8 (no surrogates, no overlong forms)?
bool is_utf8(std::string_view text);

// `code` is below 0x110000; the caller has seen to surrogates.
inline void append_utf8(std::string& out, std::uint32_t code) {
    const auto continuation = [](std::uint32_t bits) { return static_cast<char>(0x80 | (bits & 0x3f)); };
    if (code < 0x80) {
        out += static_cast<char>(code);
    } else if (code < 0x800) {
        out += static_cast<char>(0xc0 | (code >> 6));
        out += continuation(code);
    } else if (code < 0x10000) {
        out += static_cast<char>(0xe0 | (code >> 12));
        out += continuation(code >> 6);
        out += continuation(code);
    } else {
        out += static_cast<char>(0xf0 | (code >> 18));
        out += continuation(code >> 12);
        out += continuation(code >> 6);
        out += continuation(code);
    }
}

}  // namespace dl
