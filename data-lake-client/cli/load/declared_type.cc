#include "data-lake-client/cli/load/declared_type.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "common/base/ascii.h"

namespace datalake::cli {
namespace {

struct Declared {
    std::string_view name;
    dl::TypeKind kind;
    bool length;  // name(20) only; without one it is a type of ours or none
};
constexpr std::array kDeclared = {
    Declared{"smallint", dl::TypeKind::int32, false},
    Declared{"int2", dl::TypeKind::int32, false},
    Declared{"int16", dl::TypeKind::int32, false},
    Declared{"short", dl::TypeKind::int32, false},
    Declared{"tinyint", dl::TypeKind::int32, false},
    Declared{"int1", dl::TypeKind::int32, false},
    Declared{"byte", dl::TypeKind::int32, false},
    Declared{"json", dl::TypeKind::string, false},
    Declared{"jsonb", dl::TypeKind::string, false},
    Declared{"uuid", dl::TypeKind::string, false},
    Declared{"guid", dl::TypeKind::string, false},
    Declared{"uniqueidentifier", dl::TypeKind::string, false},
    Declared{"time", dl::TypeKind::string, false},
    Declared{"varchar", dl::TypeKind::string, true},
    Declared{"varchar2", dl::TypeKind::string, true},
    Declared{"nvarchar", dl::TypeKind::string, true},
    Declared{"text", dl::TypeKind::string, true},
    Declared{"string", dl::TypeKind::string, true},
    Declared{"char", dl::TypeKind::string, true},
    Declared{"character", dl::TypeKind::string, true},
    Declared{"nchar", dl::TypeKind::string, true},
    Declared{"character varying", dl::TypeKind::string, true},
};

std::optional<dl::TypeKind> declared_kind(std::string_view type) {
    const auto lower = dl::ascii_lowercase(type);
    std::string_view name = lower;
    const auto open = name.find('(');
    const bool length = open != std::string_view::npos && name.ends_with(')');
    if (open != std::string_view::npos && !length) return std::nullopt;
    if (length) name = name.substr(0, open);
    while (name.ends_with(' '))
        name.remove_suffix(1);
    for (const auto& declared : kDeclared)
        if (declared.name == name && declared.length == length) return declared.kind;
    return std::nullopt;
}

}  // namespace

bool is_declared_type(std::string_view type) {
    return declared_kind(type).has_value();
}

Result<dl::DataType> stored_type(std::string_view type) {
    if (const auto kind = declared_kind(type)) return dl::DataType{*kind};
    const auto ours = dl::parse_type(type);
    if (ours.has_error())
        return Error(ErrorCode::invalid_argument,
                     ours.error().message + ", or smallint, varchar(20), json, uuid, time");
    return *ours;
}

}  // namespace datalake::cli
