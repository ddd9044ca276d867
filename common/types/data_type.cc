#include "common/types/data_type.h"

#include <array>
#include <charconv>

#include "common/base/ascii.h"
#include "common/types/value_text.h"

namespace dl {
namespace {

struct KindName {
    std::string_view name;
    TypeKind kind;
};

// The first name of a kind is its canonical one.
constexpr std::array kNames = {
    KindName{"int", TypeKind::int32},           KindName{"long", TypeKind::int64},
    KindName{"float", TypeKind::float32},       KindName{"double", TypeKind::float64},
    KindName{"boolean", TypeKind::boolean},     KindName{"string", TypeKind::string},
    KindName{"timestamp", TypeKind::timestamp}, KindName{"date", TypeKind::date},
    KindName{"decimal", TypeKind::decimal},     KindName{"binary", TypeKind::binary},
    KindName{"integer", TypeKind::int32},       KindName{"bigint", TypeKind::int64},
    KindName{"bool", TypeKind::boolean},        KindName{"varchar", TypeKind::string},
    KindName{"text", TypeKind::string},         KindName{"real", TypeKind::float32},
    KindName{"blob", TypeKind::binary},
};

std::string_view trim(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r\n";
    const auto begin = text.find_first_not_of(kBlank);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

bool parse_small(std::string_view text, unsigned& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

Error unknown_type(std::string_view text) {
    return make_error(ErrorCode::invalid_value,
                      "unknown column type " + quoted_value(text) +
                          "; use int, long, float, double, boolean, string, timestamp, date, "
                          "decimal(p,s) or binary");
}

}  // namespace

PhysicalType physical_type(DataType type) {
    switch (type.kind) {
        case TypeKind::int32:
        case TypeKind::date:
            return PhysicalType::int32;
        case TypeKind::int64:
        case TypeKind::timestamp:
            return PhysicalType::int64;
        case TypeKind::float32:
            return PhysicalType::float32;
        case TypeKind::float64:
            return PhysicalType::float64;
        case TypeKind::boolean:
            return PhysicalType::bool8;
        case TypeKind::decimal:
            return type.precision <= 18 ? PhysicalType::int64 : PhysicalType::int128;
        case TypeKind::string:
        case TypeKind::binary:
        case TypeKind::json:
            return PhysicalType::bytes;
    }
    return PhysicalType::bytes;
}

std::size_t physical_width(PhysicalType physical) {
    switch (physical) {
        case PhysicalType::bool8:
            return 1;
        case PhysicalType::int32:
        case PhysicalType::float32:
            return 4;
        case PhysicalType::int64:
        case PhysicalType::float64:
            return 8;
        case PhysicalType::int128:
            return 16;
        case PhysicalType::bytes:
            return 0;
    }
    return 0;
}

std::string type_name(DataType type) {
    if (type.kind == TypeKind::decimal)
        return "decimal(" + std::to_string(type.precision) + "," + std::to_string(type.scale) + ")";
    if (type.kind == TypeKind::json) return "json";
    for (const auto& row : kNames)
        if (row.kind == type.kind) return std::string(row.name);
    return "unknown";
}

Result<DataType> parse_type(std::string_view text) {
    const std::string_view trimmed = trim(text);
    if (trimmed.empty() || trimmed.size() > 64) return unknown_type(text);
    const std::string lower = ascii_lowercase(trimmed);
    const auto open = lower.find('(');
    const std::string_view name = trim(std::string_view(lower).substr(0, open));

    const KindName* found = nullptr;
    for (const auto& row : kNames)
        if (row.name == name) found = &row;
    if (found == nullptr) return unknown_type(text);
    if (open == std::string::npos)
        return found->kind == TypeKind::decimal ? DataType{TypeKind::decimal, 18, 3} : DataType{found->kind};
    if (lower.back() != ')' || found->kind != TypeKind::decimal) return unknown_type(text);

    const std::string_view arguments = std::string_view(lower).substr(open + 1, lower.size() - open - 2);
    const auto comma = arguments.find(',');
    unsigned precision = 0;
    unsigned scale = 0;
    if (!parse_small(trim(arguments.substr(0, comma)), precision) ||
        (comma != std::string_view::npos && !parse_small(trim(arguments.substr(comma + 1)), scale)))
        return unknown_type(text);
    if (precision < 1 || precision > 38 || scale > precision)
        return make_error(ErrorCode::invalid_value, "bad column type " + quoted_value(text) +
                                                        "; decimal(p,s) needs 1 <= p <= 38 and 0 <= s <= p");
    return DataType{TypeKind::decimal, static_cast<std::uint8_t>(precision),
                    static_cast<std::uint8_t>(scale)};
}

}  // namespace dl
