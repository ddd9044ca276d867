#include "data-lake-client/cli/load/csv_escapes.h"

#include <algorithm>

namespace datalake::cli {
namespace {

char escaped_character(char c) {
    switch (c) {
        case 't':
            return '\t';
        case 'n':
            return '\n';
        case 'r':
            return '\r';
        case 'b':
            return '\b';
        case 'f':
            return '\f';
        case 'v':
            return '\v';
        case 'Z':
            return '\x1a';
        default:
            return c;
    }
}

bool is_letter_or_digit(char c) {
    const char lower = static_cast<char>(c | 0x20);
    return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z');
}

// The value of a digit of base 8 or 16, or -1.
int digit_value(char c, int base) {
    const char lower = static_cast<char>(c | 0x20);
    const int value = c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : base;
    return value < base ? value : -1;
}

// The byte that the digits from `at` on number, which is moved behind them; -1: there are none, or it is
// none.
int numbered_byte(std::string_view text, std::size_t& at, int base, std::size_t digits_max) {
    int value = 0;
    const auto begin = at;
    for (; at < text.size() && at - begin < digits_max; ++at) {
        const int digit = digit_value(text[at], base);
        if (digit < 0) break;
        value = value * base + digit;
    }
    return at == begin || value > 255 ? -1 : value;
}

}  // namespace

bool append_unescaped(std::string& out, std::string_view text, const EscapeRules& rules,
                      std::string& problem) {
    constexpr std::size_t kOctalDigits = 3, kHexDigits = 2;
    for (std::size_t i = 0; i < text.size();) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            out += text[i++];
            continue;
        }
        const auto begin = i++;
        const char escaped = text[i];
        const auto written = [&] {
            return std::string(text.substr(begin, std::max(i - begin, std::size_t{2})));
        };
        if (escaped == rules.delimiter) {
            out += text[i++];
            continue;
        }
        const bool hex = escaped == 'x';
        if (hex || digit_value(escaped, 8) >= 0) {
            if (hex) ++i;
            const int byte =
                hex ? numbered_byte(text, i, 16, kHexDigits) : numbered_byte(text, i, 8, kOctalDigits);
            if (byte < 0) {
                problem = written() + ", which is no byte";
                return false;
            }
            const auto length = i - begin - 1;
            if (!hex && escaped == '0' && length > 1 && length < kOctalDigits) {
                problem = written() + ", which is one byte for PostgreSQL and two for MySQL";
                return false;
            }
            if (byte >= 0x80 && !rules.high_bytes) {
                problem = written() + ", a byte of an encoding that is not UTF-8";
                return false;
            }
            out += static_cast<char>(byte);
            continue;
        }
        ++i;
        const char meant = escaped_character(escaped);
        if (meant == escaped && escaped != 'N' && is_letter_or_digit(escaped)) {
            problem = written() + ", which neither COPY TO nor SELECT INTO OUTFILE writes";
            return false;
        }
        out += meant;
    }
    return true;
}

}  // namespace datalake::cli
