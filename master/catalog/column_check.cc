// What values of a declared type are held to.
#include <algorithm>

#include "common/base/quoted_value.h"
#include "common/json/json_check.h"
#include "common/types/wider_type.h"
#include "master/catalog/declared_type.h"

namespace dl::master {
namespace {

using Kind = ColumnCheck::Kind;

bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_uuid(std::string_view text) {
    if (text.size() != 36) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !is_hex(text[i])) return false;
    }
    return true;
}

bool is_time(std::string_view text) {
    const auto digits = [&](std::size_t at, int below) {
        const char tens = text[at];
        const char ones = text[at + 1];
        return tens >= '0' && tens <= '9' && ones >= '0' && ones <= '9' &&
               (tens - '0') * 10 + (ones - '0') < below;
    };
    if (text.size() < 8 || text.size() > 15 || text[2] != ':' || text[5] != ':') return false;
    if (!digits(0, 24) || !digits(3, 60) || !digits(6, 60)) return false;
    if (text.size() == 8) return true;
    return text[8] == '.' && text.size() > 9 &&
           std::all_of(text.begin() + 9, text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::int64_t characters_of(std::string_view text) {
    return std::count_if(text.begin(), text.end(),
                         [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

}  // namespace

std::optional<std::string> complaint_of(const DeclaredType& declared, const ColumnView& values,
                                        std::uint32_t row) {
    const auto& check = declared.check;
    const auto no_value = [&](std::string_view what) {
        return quoted_value(values.bytes(row)) + " is not a valid " + declared.text + "; " +
               std::string(what);
    };
    switch (check.kind) {
        case Kind::none:
            return std::nullopt;
        case Kind::characters: {
            const auto text = values.bytes(row);
            if (static_cast<std::int64_t>(text.size()) <= check.most) return std::nullopt;
            const auto length = characters_of(text);
            if (length <= check.most) return std::nullopt;
            return quoted_value(text) + " has " + std::to_string(length) + " characters, " + declared.text +
                   " takes " + std::to_string(check.most);
        }
        case Kind::bytes: {
            const auto length = static_cast<std::int64_t>(values.bytes(row).size());
            if (length <= check.most) return std::nullopt;
            return "a value of " + std::to_string(length) + " bytes, " + declared.text + " takes " +
                   std::to_string(check.most);
        }
        case Kind::range: {
            const std::int64_t value = values.fixed<std::int32_t>(row);
            if (value >= check.least && value <= check.most) return std::nullopt;
            return std::to_string(value) + " is not within " + std::to_string(check.least) + " to " +
                   std::to_string(check.most) + ", the range of " + declared.text;
        }
        case Kind::json:
            if (is_json_text(values.bytes(row))) return std::nullopt;
            return no_value("it has to be one JSON value");
        case Kind::uuid:
            if (is_uuid(values.bytes(row))) return std::nullopt;
            return no_value("write it as 123e4567-e89b-12d3-a456-426614174000");
        case Kind::time:
            if (is_time(values.bytes(row))) return std::nullopt;
            return no_value("write it as 23:59:59 or 23:59:59.999999");
    }
    return std::nullopt;
}

bool is_wider(const DeclaredType& from, const DeclaredType& to) {
    if (from.type != to.type) return is_wider_type(to.type, from.type) && to.check.kind == Kind::none;
    const auto& a = from.check;
    const auto& b = to.check;
    if (b.kind == Kind::none || a == b) return true;
    if (a.kind == b.kind) {
        const bool counts = a.kind == Kind::characters || a.kind == Kind::bytes || a.kind == Kind::range;
        return counts && b.least <= a.least && b.most >= a.most;
    }
    // Texts of a known form have a known length.
    if (b.kind == Kind::characters && a.kind == Kind::uuid) return b.most >= 36;
    return b.kind == Kind::characters && a.kind == Kind::time && b.most >= 15;
}

}  // namespace dl::master
