// Letters of ASCII, whatever the locale. Other bytes stay as they are, so UTF-8 stays UTF-8.
#pragma once

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

}  // namespace dl
