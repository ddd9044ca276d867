#include "data-lake-client/cli/text_width.h"

#include <utf8proc.h>

namespace datalake::cli {
namespace {

struct Character {
    std::size_t bytes;
    std::size_t width;
};

// Of the character at `at`. A byte that is not UTF-8 is one column wide, and so is what Unicode does not know
// yet or what steers a terminal, since something stands there all the same.
Character character_at(std::string_view text, std::size_t at) {
    utf8proc_int32_t c = -1;
    const auto bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                                        static_cast<utf8proc_ssize_t>(text.size() - at), &c);
    if (bytes <= 0) return {1, 1};
    const auto category = utf8proc_category(c);
    const bool shown = category == UTF8PROC_CATEGORY_CN || category == UTF8PROC_CATEGORY_CC;
    return {static_cast<std::size_t>(bytes), shown ? 1 : static_cast<std::size_t>(utf8proc_charwidth(c))};
}

}  // namespace

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = static_cast<unsigned char>(text[at]);
        if (byte < 0x80) {
            ++at;
            ++width;
            continue;
        }
        const auto character = character_at(text, at);
        at += character.bytes;
        width += character.width;
    }
    return width;
}

std::string printable(std::string_view text) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        const auto c = static_cast<unsigned char>(text[at]);
        if (c == '\n') {
            out += "\\n";
        } else if (c == '\t') {
            out += "\\t";
        } else if (c == '\r') {
            out += "\\r";
        } else if (c < 0x20 || c == 0x7f) {
            out += "\\x";
            out += kHex[c >> 4];
            out += kHex[c & 15];
        } else if (c == 0xc2 && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xa0) {
            // U+0080 to U+009F are control characters too.
            const auto code = static_cast<unsigned char>(text[++at]);
            out += "\\x";
            out += kHex[code >> 4];
            out += kHex[code & 15];
        } else {
            out += static_cast<char>(c);
        }
    }
    return out;
}

std::string cut_to_width(std::string_view text, std::size_t width) {
    if (display_width(text) <= width) return std::string(text);
    std::string out;
    std::size_t used = 0;
    for (std::size_t at = 0; at < text.size();) {
        const auto character = character_at(text, at);
        if (used + character.width + 1 > width) break;
        used += character.width;
        out.append(text.substr(at, character.bytes));
        at += character.bytes;
    }
    return out + "\u2026";
}

void append_padded(std::string& out, std::string_view text, std::size_t width, bool right) {
    const auto used = display_width(text);
    const auto pad = used < width ? width - used : 0;
    if (right) out.append(pad, ' ');
    out += text;
    if (!right) out.append(pad, ' ');
}

}  // namespace datalake::cli
