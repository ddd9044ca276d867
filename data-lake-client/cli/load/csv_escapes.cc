#include "data-lake-client/cli/load/csv_escapes.h"

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
        case '0':
            return '\0';
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

}  // namespace

bool append_unescaped(std::string& out, std::string_view text, char delimiter, char& unknown) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\' || i + 1 == text.size()) {
            out += text[i];
            continue;
        }
        const char escaped = text[++i];
        const char meant = escaped == delimiter ? escaped : escaped_character(escaped);
        if (meant == escaped && escaped != delimiter && escaped != 'N' && is_letter_or_digit(escaped)) {
            unknown = escaped;
            return false;
        }
        out += meant;
    }
    return true;
}

}  // namespace datalake::cli
