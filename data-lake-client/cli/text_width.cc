#include "data-lake-client/cli/text_width.h"

#include <clocale>
#include <cwchar>

namespace datalake::cli {
namespace {

// Decodes one character; its length, 1 and no character for a bad byte.
std::size_t decode(std::string_view text, std::size_t at, wchar_t& character) {
    const auto first = static_cast<unsigned char>(text[at]);
    std::size_t length = 1;
    std::uint32_t code = first;
    if (first >= 0xf0 && first < 0xf8) {
        length = 4;
        code = first & 0x07;
    } else if (first >= 0xe0) {
        length = 3;
        code = first & 0x0f;
    } else if (first >= 0xc2) {
        length = 2;
        code = first & 0x1f;
    }
    character = L'?';
    if (first >= 0xf8 || (first >= 0x80 && first < 0xc2) || at + length > text.size()) return 1;
    for (std::size_t i = 1; i < length; ++i) {
        const auto next = static_cast<unsigned char>(text[at + i]);
        if ((next & 0xc0) != 0x80) return 1;
        code = code << 6 | (next & 0x3f);
    }
    character = static_cast<wchar_t>(code);
    return length;
}

std::size_t width_of(wchar_t character) {
    const int width = ::wcwidth(character);
    return width < 0 ? 1 : static_cast<std::size_t>(width);
}

}  // namespace

void use_utf8_locale() {
    const char* chosen = std::setlocale(LC_CTYPE, "");
    const std::string name = chosen == nullptr ? "" : chosen;
    if (name.find("UTF-8") == std::string::npos && name.find("utf8") == std::string::npos)
        std::setlocale(LC_CTYPE, "C.UTF-8");
}

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    for (std::size_t at = 0; at < text.size();) {
        const auto byte = static_cast<unsigned char>(text[at]);
        if (byte < 0x80) {
            ++at;
            ++width;
            continue;
        }
        wchar_t character;
        at += decode(text, at, character);
        width += width_of(character);
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
        wchar_t character;
        const auto length = decode(text, at, character);
        if (used + width_of(character) + 1 > width) break;
        used += width_of(character);
        out.append(text.substr(at, length));
        at += length;
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
