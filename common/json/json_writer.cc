#include "common/json/json_writer.h"

#include <array>
#include <cstdint>

namespace dl {
namespace {

constexpr std::array<bool, 256> make_escape_needed() {
    std::array<bool, 256> needed{};
    for (std::size_t c = 0; c < 0x20; ++c)
        needed[c] = true;
    needed['"'] = true;
    needed['\\'] = true;
    return needed;
}
constexpr auto kEscapeNeeded = make_escape_needed();

void append_escape(std::string& out, unsigned char c) {
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\b':
            out += "\\b";
            return;
        case '\f':
            out += "\\f";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\r':
            out += "\\r";
            return;
        case '\t':
            out += "\\t";
            return;
        default:
            break;
    }
    constexpr std::string_view kHex = "0123456789abcdef";
    out += "\\u00";
    out += kHex[c >> 4];
    out += kHex[c & 15];
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    std::size_t start = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (!kEscapeNeeded[c]) [[likely]]
            continue;
        out.append(text, start, i - start);
        append_escape(out, c);
        start = i + 1;
    }
    out.append(text, start, text.size() - start);
    out += '"';
}

}  // namespace dl
