#include "common/types/schema.h"

#include <wctype.h>

#include <array>
#include <clocale>

#include "common/base/ascii.h"
#include "common/base/limits.h"
#include "common/types/value_text.h"

namespace dl {
namespace {

// The zeros of the scripts' digits (Unicode 14, category Nd); each is followed by its one to nine.
constexpr std::array<char32_t, 66> kDigitZeros = {
    0x30,    0x660,   0x6f0,   0x7c0,   0x966,   0x9e6,   0xa66,   0xae6,   0xb66,   0xbe6,   0xc66,
    0xce6,   0xd66,   0xde6,   0xe50,   0xed0,   0xf20,   0x1040,  0x1090,  0x17e0,  0x1810,  0x1946,
    0x19d0,  0x1a80,  0x1a90,  0x1b50,  0x1bb0,  0x1c40,  0x1c50,  0xa620,  0xa8d0,  0xa900,  0xa9d0,
    0xa9f0,  0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0,
    0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60,
    0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0};

bool is_digit_of_any_script(char32_t c) {
    for (const char32_t zero : kDigitZeros)
        if (c >= zero && c < zero + 10) return true;
    return false;
}

// glibc carries C.UTF-8; the process's own locale plays no part.
locale_t unicode_locale() {
    static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return locale;
}

// Decodes one character of valid UTF-8 and moves on.
char32_t next_character(const char*& at) {
    const auto byte = [&] { return static_cast<unsigned char>(*at++); };
    const char32_t lead = byte();
    if (lead < 0x80) return lead;
    int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    char32_t c = lead & (0x3fu >> more);
    while (more-- > 0)
        c = c << 6 | (byte() & 0x3fu);
    return c;
}

void append_utf8(std::string& out, char32_t c) {
    if (c < 0x80) {
        out += static_cast<char>(c);
        return;
    }
    if (c < 0x800) {
        out += static_cast<char>(0xc0 | (c >> 6));
    } else {
        if (c < 0x10000) {
            out += static_cast<char>(0xe0 | (c >> 12));
        } else {
            out += static_cast<char>(0xf0 | (c >> 18));
            out += static_cast<char>(0x80 | ((c >> 12) & 0x3f));
        }
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    }
    out += static_cast<char>(0x80 | (c & 0x3f));
}

Error bad_name(std::string_view what, std::string_view name, std::string_view why) {
    return make_error(ErrorCode::invalid_value,
                      std::string(what).append(" name ").append(quoted_value(name)).append(" ").append(why));
}

}  // namespace

std::optional<std::size_t> Schema::find(std::string_view name) const {
    for (std::size_t i = 0; i < fields.size(); ++i)
        if (fields[i].name == name) return i;
    return std::nullopt;
}

std::optional<std::size_t> Schema::find(FieldId field) const {
    for (std::size_t i = 0; i < fields.size(); ++i)
        if (fields[i].id == field) return i;
    return std::nullopt;
}

bool is_reserved_column_name(std::string_view name) {
    constexpr std::array<std::string_view, 7> kReserved = {
        "table_name", "major_key", "partition_number", "partition_address", "crud", "_crud_type", "_offset"};
    for (const auto reserved : kReserved)
        if (name == reserved) return true;
    return false;
}

Result<std::string> normalize_name(std::string_view what, std::string_view name) {
    constexpr std::string_view kRule = "; use letters, digits and _, not a digit first";
    const std::string too_long =
        "is longer than " + std::to_string(limits::name_bytes_max) + " bytes; choose a shorter one";
    if (name.empty()) return bad_name(what, name, std::string("is empty").append(kRule));
    if (name.size() > limits::name_bytes_max) return bad_name(what, name, too_long);
    if (!is_utf8(name)) return bad_name(what, name, "is not valid UTF-8");
    std::string lower;
    lower.reserve(name.size());
    const char* at = name.data();
    const char* const end = at + name.size();
    while (at != end) {
        const bool first = at == name.data();
        const char32_t c = next_character(at);
        if (first && is_digit_of_any_script(c))
            return bad_name(what, name, std::string("starts with a digit").append(kRule));
        if (c < 0x80) {
            const char small = ascii_lowercase(static_cast<char>(c));
            if (!(small >= 'a' && small <= 'z') && !(small >= '0' && small <= '9') && small != '_')
                return bad_name(what, name, std::string("has a character that is not allowed").append(kRule));
            lower += small;
            continue;
        }
        const locale_t locale = unicode_locale();
        if (locale == locale_t{})
            return make_error(
                ErrorCode::internal,
                "the C library has no C.UTF-8 locale, which names of other scripts need; install it");
        const auto wide = static_cast<wint_t>(c);
        if (iswalpha_l(wide, locale) == 0 && !is_digit_of_any_script(c))
            return bad_name(what, name, std::string("has a character that is not allowed").append(kRule));
        append_utf8(lower, static_cast<char32_t>(towlower_l(wide, locale)));
    }
    if (lower.size() > limits::name_bytes_max) return bad_name(what, name, too_long);
    return lower;
}

}  // namespace dl
