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

}  // namespace

void append_unescaped(std::string& out, std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size())
            out += escaped_character(text[++i]);
        else
            out += text[i];
    }
}

}  // namespace datalake::cli
