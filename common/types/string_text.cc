// Strings, base64 and the error texts of value_text.h.
#include <array>

#include "common/base/limits.h"
#include "common/types/value_put.h"
#include "common/types/value_scan.h"
#include "common/types/value_text.h"

namespace dl {
namespace {

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::uint8_t, 256> make_base64_values() {
    std::array<std::uint8_t, 256> values{};
    values.fill(0xff);
    for (std::size_t i = 0; i < kBase64.size(); ++i)
        values[static_cast<unsigned char>(kBase64[i])] = static_cast<std::uint8_t>(i);
    return values;
}
constexpr auto kBase64Values = make_base64_values();

std::string_view accepted_forms(TypeKind kind) {
    switch (kind) {
        case TypeKind::int32:
            return "give an optional sign and digits, from -2147483648 to 2147483647";
        case TypeKind::int64:
            return "give an optional sign and digits, from -9223372036854775808 to 9223372036854775807";
        case TypeKind::float32:
        case TypeKind::float64:
            return "give a decimal number in range such as 1.5 or 1e-3, nan, inf or -inf";
        case TypeKind::boolean:
            return "give true, false, 1 or 0";
        case TypeKind::timestamp:
            return "give ISO 8601 such as 2024-01-31 12:00:00.123 or 2024-01-31T12:00:00+08:00";
        case TypeKind::date:
            return "give an existing day such as 2024-01-31";
        case TypeKind::decimal:
            return "give a decimal number with no more digits than the type has";
        case TypeKind::binary:
            return "give base64 with padding (RFC 4648)";
        case TypeKind::string:
        case TypeKind::json:
            return "give valid UTF-8";
    }
    return "give a value of the type";
}

}  // namespace

Result<std::string> parse_binary(std::string_view text) {
    const DataType type{TypeKind::binary};
    if (text.empty() || text.size() % 4 != 0) return invalid_value_error(text, type);
    std::size_t padding = 0;
    if (text.back() == '=') padding = text[text.size() - 2] == '=' ? 2 : 1;
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    const std::size_t digits = text.size() - padding;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::uint8_t value = 0;
        if (i < digits) {
            value = kBase64Values[static_cast<unsigned char>(text[i])];
            if (value == 0xff) return invalid_value_error(text, type);
        }
        bits = bits << 6 | value;
        if (i % 4 != 3) continue;
        bytes.push_back(static_cast<char>(bits >> 16));
        bytes.push_back(static_cast<char>(bits >> 8));
        bytes.push_back(static_cast<char>(bits));
        // What the padding leaves over must be zero, so that one text stands for one value.
        if (padding != 0 && i + 1 == text.size() && (bits & (padding == 1 ? 0xffu : 0xffffu)) != 0)
            return invalid_value_error(text, type);
        bits = 0;
    }
    bytes.resize(bytes.size() - padding);
    return bytes;
}

char* put_base64(char* at, std::string_view bytes) {
    const auto byte = [&](std::size_t i) {
        return std::uint32_t{static_cast<unsigned char>(i < bytes.size() ? bytes[i] : '\0')};
    };
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::uint32_t bits = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
        *at++ = kBase64[bits >> 18];
        *at++ = kBase64[(bits >> 12) & 63];
        *at++ = i + 1 < bytes.size() ? kBase64[(bits >> 6) & 63] : '=';
        *at++ = i + 2 < bytes.size() ? kBase64[bits & 63] : '=';
    }
    return at;
}

void append_base64(std::string& out, std::string_view bytes) {
    const std::size_t start = out.size();
    out.resize(start + (bytes.size() + 2) / 3 * 4);
    put_base64(out.data() + start, bytes);
}

Error invalid_value_error(std::string_view text, DataType type) {
    std::string message = quoted_value(text) + " is not a valid " + type_name(type);
    if (text.empty()) message += " (empty text is only valid for string and binary)";
    return make_error(ErrorCode::invalid_value, message.append("; ").append(accepted_forms(type.kind)));
}

}  // namespace dl
