#include "common/base/quoted_value.h"

#include "common/base/limits.h"
#include "common/base/utf8.h"

namespace dl {

std::string quoted_value(std::string_view text) {
    std::string out = "\"";
    const bool cut = text.size() > limits::error_value_bytes_max;
    std::string_view shown = text.substr(0, limits::error_value_bytes_max);
    if (cut)  // not in the middle of a character
        while (!shown.empty() && (static_cast<unsigned char>(text[shown.size()]) & 0xc0) == 0x80)
            shown.remove_suffix(1);
    const bool valid = is_utf8(shown);
    for (const char c : shown) {
        const auto byte = static_cast<unsigned char>(c);
        out += byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !valid) ? '?' : c;
    }
    return out += cut ? "...\"" : "\"";
}

}  // namespace dl
