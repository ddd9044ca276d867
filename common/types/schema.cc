#include "common/types/schema.h"

#include <utf8proc.h>

#include <array>

#include "common/base/ascii.h"
#include "common/base/limits.h"
#include "common/types/value_text.h"

namespace dl {
namespace {

// Decodes the character at the front and takes it away; -1 for a byte that is not UTF-8.
utf8proc_int32_t take_character(std::string_view& text) {
    utf8proc_int32_t c = -1;
    const auto bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                        static_cast<utf8proc_ssize_t>(text.size()), &c);
    text.remove_prefix(bytes > 0 ? static_cast<std::size_t>(bytes) : 1);
    return bytes > 0 ? c : -1;
}

bool is_between(utf8proc_int32_t c, utf8proc_int32_t first, utf8proc_int32_t last) {
    return c >= first && c <= last;
}

// Marks that stand alone: accents of many scripts (but the iota), sound marks of kana, variants. A letter
// with such a mark has a form of one character, and a name in two forms would be two names.
bool is_loose_mark(utf8proc_int32_t c) {
    return (is_between(c, 0x300, 0x36f) && c != 0x345) || is_between(c, 0x3099, 0x309a) ||
           is_between(c, 0xfe00, 0xfe0f) || is_between(c, 0xe0100, 0xe01ef);
}

// Letters in circles and squares, which count as letters in Unicode's property Alphabetic.
bool is_circled_letter(utf8proc_int32_t c) {
    return is_between(c, 0x24b6, 0x24e9) || is_between(c, 0x1f130, 0x1f149) ||
           is_between(c, 0x1f150, 0x1f169) || is_between(c, 0x1f170, 0x1f189);
}

// Of the scripts beyond ASCII.
bool is_name_character(utf8proc_int32_t c) {
    switch (utf8proc_category(c)) {
        case UTF8PROC_CATEGORY_LU:
        case UTF8PROC_CATEGORY_LL:
        case UTF8PROC_CATEGORY_LT:
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_LO:
        case UTF8PROC_CATEGORY_NL:
        case UTF8PROC_CATEGORY_ND:
            return true;
        case UTF8PROC_CATEGORY_MN:
        case UTF8PROC_CATEGORY_MC:
            return !is_loose_mark(c);
        default:
            return is_circled_letter(c);
    }
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

std::string fold_name(std::string_view name) {
    std::string lower;
    lower.reserve(name.size());
    for (std::string_view rest = name; !rest.empty();) {
        const char byte = rest.front();
        const auto c = take_character(rest);
        if (c < 0)
            lower += byte;
        else
            append_utf8(lower, static_cast<std::uint32_t>(utf8proc_tolower(c)));
    }
    return lower;
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
    for (std::string_view rest = name; !rest.empty();) {
        const bool first = rest.size() == name.size();
        const auto c = take_character(rest);
        if (first && utf8proc_category(c) == UTF8PROC_CATEGORY_ND)
            return bad_name(what, name, std::string("starts with a digit").append(kRule));
        if (c < 0x80) {
            const char small = ascii_lowercase(static_cast<char>(c));
            if (!(small >= 'a' && small <= 'z') && !(small >= '0' && small <= '9') && small != '_')
                return bad_name(what, name, std::string("has a character that is not allowed").append(kRule));
            lower += small;
            continue;
        }
        if (!is_name_character(c))
            return bad_name(what, name, std::string("has a character that is not allowed").append(kRule));
        append_utf8(lower, static_cast<std::uint32_t>(utf8proc_tolower(c)));
    }
    if (lower.size() > limits::name_bytes_max) return bad_name(what, name, too_long);
    return lower;
}

}  // namespace dl
