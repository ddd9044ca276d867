#include "master/catalog/declared_type.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "common/base/ascii.h"
#include "common/base/limits.h"
#include "common/base/nearest_name.h"
#include "common/base/quoted_value.h"

namespace dl::master {
namespace {

using Kind = ColumnCheck::Kind;

// A name without arguments and what it is stored as.
struct PlainType {
    std::string_view name;
    TypeKind kind;
};
constexpr std::array kPlain = {
    PlainType{"int", TypeKind::int32},
    PlainType{"integer", TypeKind::int32},
    PlainType{"int4", TypeKind::int32},
    PlainType{"int32", TypeKind::int32},
    PlainType{"mediumint", TypeKind::int32},
    PlainType{"signed", TypeKind::int32},
    PlainType{"long", TypeKind::int64},
    PlainType{"bigint", TypeKind::int64},
    PlainType{"int8", TypeKind::int64},
    PlainType{"int64", TypeKind::int64},
    PlainType{"float", TypeKind::float32},
    PlainType{"real", TypeKind::float32},
    PlainType{"float4", TypeKind::float32},
    PlainType{"float32", TypeKind::float32},
    PlainType{"double", TypeKind::float64},
    PlainType{"double precision", TypeKind::float64},
    PlainType{"float8", TypeKind::float64},
    PlainType{"float64", TypeKind::float64},
    PlainType{"boolean", TypeKind::boolean},
    PlainType{"bool", TypeKind::boolean},
    PlainType{"logical", TypeKind::boolean},
    PlainType{"string", TypeKind::string},
    PlainType{"text", TypeKind::string},
    PlainType{"varchar", TypeKind::string},
    PlainType{"character varying", TypeKind::string},
    PlainType{"varchar2", TypeKind::string},
    PlainType{"nvarchar", TypeKind::string},
    PlainType{"clob", TypeKind::string},
    PlainType{"tinytext", TypeKind::string},
    PlainType{"mediumtext", TypeKind::string},
    PlainType{"longtext", TypeKind::string},
    PlainType{"citext", TypeKind::string},
    PlainType{"bpchar", TypeKind::string},
    PlainType{"timestamp", TypeKind::timestamp},
    PlainType{"datetime", TypeKind::timestamp},
    PlainType{"datetime2", TypeKind::timestamp},
    PlainType{"timestamptz", TypeKind::timestamp},
    PlainType{"timestamp_ntz", TypeKind::timestamp},
    PlainType{"timestamp with time zone", TypeKind::timestamp},
    PlainType{"timestamp without time zone", TypeKind::timestamp},
    PlainType{"date", TypeKind::date},
    PlainType{"date32", TypeKind::date},
    PlainType{"binary", TypeKind::binary},
    PlainType{"blob", TypeKind::binary},
    PlainType{"bytea", TypeKind::binary},
    PlainType{"bytes", TypeKind::binary},
    PlainType{"varbinary", TypeKind::binary},
    PlainType{"longblob", TypeKind::binary},
    PlainType{"mediumblob", TypeKind::binary},
    PlainType{"tinyblob", TypeKind::binary},
    PlainType{"image", TypeKind::binary},
};

// A name that says more than the stored type.
struct CheckedType {
    std::string_view name;
    std::string_view shown;
    TypeKind kind;
    ColumnCheck check;
};
constexpr ColumnCheck kSmall{Kind::range, -32768, 32767}, kTiny{Kind::range, -128, 127};
constexpr std::array kChecked = {
    CheckedType{"smallint", "smallint", TypeKind::int32, kSmall},
    CheckedType{"int2", "smallint", TypeKind::int32, kSmall},
    CheckedType{"int16", "smallint", TypeKind::int32, kSmall},
    CheckedType{"short", "smallint", TypeKind::int32, kSmall},
    CheckedType{"tinyint", "tinyint", TypeKind::int32, kTiny},
    CheckedType{"int1", "tinyint", TypeKind::int32, kTiny},
    CheckedType{"byte", "tinyint", TypeKind::int32, kTiny},
    CheckedType{"json", "json", TypeKind::string, {Kind::json, 0, 0}},
    CheckedType{"jsonb", "json", TypeKind::string, {Kind::json, 0, 0}},
    CheckedType{"uuid", "uuid", TypeKind::string, {Kind::uuid, 0, 0}},
    CheckedType{"uniqueidentifier", "uuid", TypeKind::string, {Kind::uuid, 0, 0}},
    CheckedType{"guid", "uuid", TypeKind::string, {Kind::uuid, 0, 0}},
    CheckedType{"time", "time", TypeKind::string, {Kind::time, 0, 0}},
    CheckedType{"time without time zone", "time", TypeKind::string, {Kind::time, 0, 0}},
};

constexpr std::array<std::string_view, 4> kDecimals = {"decimal", "numeric", "number", "dec"};
// Texts with a length, and how they are shown with it.
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kTexts = {
    {{"varchar", "varchar"},
     {"varchar2", "varchar"},
     {"nvarchar", "varchar"},
     {"character varying", "varchar"},
     {"string", "varchar"},
     {"text", "varchar"},
     {"char", "char"},
     {"character", "char"},
     {"nchar", "char"}}};

// What there is no type for, and what comes nearest.
struct Missing {
    std::string_view name;
    std::string_view nearest;
};
constexpr std::array kMissing = {
    Missing{"uint8", "int"},
    Missing{"utinyint", "int"},
    Missing{"uint16", "int"},
    Missing{"usmallint", "int"},
    Missing{"uint32", "long"},
    Missing{"uinteger", "long"},
    Missing{"uint", "long"},
    Missing{"uint64", "decimal(20,0)"},
    Missing{"ubigint", "decimal(20,0)"},
    Missing{"hugeint", "decimal(38,0)"},
    Missing{"uhugeint", "decimal(38,0)"},
    Missing{"int128", "decimal(38,0)"},
    Missing{"uint128", "decimal(38,0)"},
    Missing{"bignum", "decimal(38,0), or string for more digits"},
    Missing{"varint", "decimal(38,0), or string for more digits"},
    Missing{"bignumeric", "decimal(38,s)"},
    Missing{"bigdecimal", "decimal(38,s)"},
    Missing{"serial", "int; the writer gives the keys"},
    Missing{"bigserial", "long; the writer gives the keys"},
    Missing{"smallserial", "smallint; the writer gives the keys"},
    Missing{"money", "decimal(19,4)"},
    Missing{"smallmoney", "decimal(10,4)"},
    Missing{"interval", "string, or long for a number of microseconds"},
    Missing{"timetz", "time, or timestamp with the zone worked in"},
    Missing{"time with time zone", "time, or timestamp with the zone worked in"},
    Missing{"datetime64", "timestamp (microseconds)"},
    Missing{"timestamp_s", "timestamp (microseconds)"},
    Missing{"timestamp_ms", "timestamp (microseconds)"},
    Missing{"timestamp_ns", "timestamp (microseconds)"},
    Missing{"datetimeoffset", "timestamp (in UTC)"},
    Missing{"timestamp_tz", "timestamp (in UTC)"},
    Missing{"timestamp_ltz", "timestamp (in UTC)"},
    Missing{"year", "int"},
    Missing{"bit", "boolean, or binary for many bits"},
    Missing{"varbit", "binary"},
    Missing{"enum", "string"},
    Missing{"set", "string"},
    Missing{"array", "json"},
    Missing{"list", "json"},
    Missing{"map", "json"},
    Missing{"struct", "json"},
    Missing{"row", "json"},
    Missing{"tuple", "json"},
    Missing{"nested", "json"},
    Missing{"variant", "json"},
    Missing{"object", "json"},
    Missing{"union", "json"},
    Missing{"hstore", "json"},
    Missing{"xml", "string"},
    Missing{"inet", "string"},
    Missing{"cidr", "string"},
    Missing{"macaddr", "string"},
    Missing{"ipv4", "string"},
    Missing{"ipv6", "string"},
    Missing{"geometry", "binary (WKB) or string (WKT)"},
    Missing{"geography", "binary (WKB) or string (WKT)"},
    Missing{"point", "two double columns"},
    Missing{"fixedstring", "varchar(n)"},
    Missing{"lowcardinality", "the type inside it"},
    Missing{"nullable", "the type inside it; columns are nullable unless NOT NULL"},
};

Error refused(std::string_view text, std::string_view why) {
    return make_error(ErrorCode::invalid_value, "column type " + quoted_value(text) + " " + std::string(why));
}

Error unknown_type(std::string_view text, const std::string& name) {
    std::vector<std::string_view> names(kDecimals.begin(), kDecimals.end());
    for (const auto& one : kPlain)
        names.push_back(one.name);
    for (const auto& one : kChecked)
        names.push_back(one.name);
    const auto near = nearest_name(name, names);
    return make_error(ErrorCode::invalid_value,
                      "unknown column type " + quoted_value(text) +
                          (near.empty() ? "" : "; did you mean '" + near + "'?") +
                          "; use int, long, float, double, boolean, string, timestamp, date, decimal(p,s), "
                          "binary, or the names of other systems for them (docs/protocol.md, 2.1)");
}

// The words of a type in lower case with single blanks, its arguments apart.
struct Written {
    std::string name;
    std::optional<std::vector<std::string>> arguments;
    bool is_array = false;
};

Result<Written> read(std::string_view text) {
    Written written;
    if (text.empty() || text.size() > 256) return unknown_type(text, "");
    bool blank = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            blank = !written.name.empty();
            continue;
        }
        if (c == '[') {
            written.is_array = true;
            break;
        }
        if (c == '(') {
            if (written.arguments) return unknown_type(text, written.name);
            const auto close = text.rfind(')');
            if (close == std::string_view::npos || close < i) return unknown_type(text, written.name);
            auto& arguments = written.arguments.emplace();
            std::string one;
            for (const char a : text.substr(i + 1, close - i - 1)) {
                if (a == ',') arguments.push_back(std::exchange(one, {}));
                if (a != ',' && a != ' ' && a != '\t' && a != '\n' && a != '\r') one += ascii_lowercase(a);
            }
            arguments.push_back(std::move(one));
            i = close;
            blank = true;
            continue;
        }
        if (std::exchange(blank, false)) written.name += ' ';
        written.name += ascii_lowercase(c);
    }
    return written;
}

std::optional<std::int64_t> number_of(const std::string& text) {
    std::int64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

template <class Rows>
const auto* find(const Rows& rows, std::string_view name) {
    const auto at = std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.name == name; });
    return at == rows.end() ? nullptr : &*at;
}

Result<DeclaredType> decimal_of(std::string_view text, const std::vector<std::string>& arguments) {
    const auto precision = number_of(arguments[0]);
    const auto scale = arguments.size() < 2 ? std::optional<std::int64_t>(0) : number_of(arguments[1]);
    if (arguments.size() > 2 || !precision || !scale || *precision < 1 || *precision > 38 || *scale < 0 ||
        *scale > *precision)
        return refused(text, "is not one; decimal(p,s) needs 1 <= p <= 38 and 0 <= s <= p");
    return DeclaredType{
        {TypeKind::decimal, static_cast<std::uint8_t>(*precision), static_cast<std::uint8_t>(*scale)},
        {},
        {}};
}

Result<DeclaredType> with_length(std::string_view text, std::string_view shown, TypeKind kind, Kind check,
                                 const std::vector<std::string>& arguments) {
    if (arguments.size() == 1 && arguments[0] == "max") return DeclaredType{{kind}, {}, {}};
    const auto length = number_of(arguments[0]);
    if (arguments.size() != 1 || !length || *length < 1 ||
        *length > static_cast<std::int64_t>(limits::value_bytes_max))
        return refused(text, "needs one length from 1 to " + std::to_string(limits::value_bytes_max));
    return DeclaredType{
        {kind}, std::string(shown) + '(' + std::to_string(*length) + ')', {check, 0, *length}};
}

Result<DeclaredType> with_arguments(std::string_view text, const std::string& name,
                                    const std::vector<std::string>& arguments) {
    if (std::find(kDecimals.begin(), kDecimals.end(), name) != kDecimals.end())
        return decimal_of(text, arguments);
    for (const auto& [written, shown] : kTexts)
        if (written == name) return with_length(text, shown, TypeKind::string, Kind::characters, arguments);
    if (name == "binary" || name == "varbinary" || name == "bytea" || name == "blob")
        return with_length(text, "binary", TypeKind::binary, Kind::bytes, arguments);
    const auto* plain = find(kPlain, name);
    const auto* checked = find(kChecked, name);
    // -1: no number.
    const auto digits = arguments.size() == 1 ? number_of(arguments[0]).value_or(-1) : -1;
    if (name == "float" && digits >= 1 && digits <= 53)
        return DeclaredType{{digits <= 24 ? TypeKind::float32 : TypeKind::float64}, {}, {}};
    const bool is_time = (plain != nullptr && plain->kind == TypeKind::timestamp) ||
                         (checked != nullptr && checked->check.kind == Kind::time);
    if (is_time && digits > 6)
        return refused(text, "has more digits than there are; times are kept to six (microseconds)");
    if (name == "tinyint" && digits == 1)
        return refused(text, "is a boolean elsewhere; write boolean, or tinyint for -128 to 127");
    // int(11): a width of display, which changes no value.
    const bool is_whole =
        (plain != nullptr && (plain->kind == TypeKind::int32 || plain->kind == TypeKind::int64)) ||
        (checked != nullptr && checked->check.kind == Kind::range);
    if (digits >= 0 && (is_time || is_whole)) return parse_declared_type(name);
    if (plain != nullptr || checked != nullptr) return refused(text, "takes no such arguments");
    return unknown_type(text, name);
}

}  // namespace

Result<DeclaredType> parse_declared_type(std::string_view text) {
    DL_TRY_ASSIGN(const auto written, read(text));
    const auto& name = written.name;
    if (written.is_array) return refused(text, "is not there; the nearest is json");
    auto bare = name;
    for (const std::string_view sign : {" unsigned", " signed", " zerofill"})
        if (bare.ends_with(sign)) bare.resize(bare.size() - sign.size());
    if (name.find(" unsigned") != std::string::npos)
        return refused(text, std::string("is not there; the nearest is ") +
                                 (bare.starts_with("bigint")           ? "decimal(20,0)"
                                  : bare == "int" || bare == "integer" ? "long"
                                                                       : "int"));
    if (const auto* missing = find(kMissing, name); missing != nullptr)
        return refused(text, "is not there; the nearest is " + std::string(missing->nearest));
    if (written.arguments) return with_arguments(text, name, *written.arguments);
    if (std::find(kDecimals.begin(), kDecimals.end(), name) != kDecimals.end())
        return DeclaredType{{TypeKind::decimal, 18, 3}, {}, {}};
    if (const auto* checked = find(kChecked, name); checked != nullptr)
        return DeclaredType{{checked->kind}, std::string(checked->shown), checked->check};
    if (name == "char" || name == "character" || name == "nchar")  // of SQL: one
        return DeclaredType{{TypeKind::string}, "char(1)", {Kind::characters, 0, 1}};
    if (const auto* plain = find(kPlain, bare); plain != nullptr) return DeclaredType{{plain->kind}, {}, {}};
    return unknown_type(text, name);
}

bool begins_type(std::string_view word) {
    const auto begins = [&](std::string_view name) { return name.substr(0, name.find(' ')) == word; };
    return std::any_of(kPlain.begin(), kPlain.end(), [&](const auto& row) { return begins(row.name); }) ||
           std::any_of(kChecked.begin(), kChecked.end(), [&](const auto& row) { return begins(row.name); }) ||
           std::any_of(kDecimals.begin(), kDecimals.end(), begins) ||
           std::any_of(kTexts.begin(), kTexts.end(), [&](const auto& row) { return begins(row.first); }) ||
           std::any_of(kMissing.begin(), kMissing.end(), [&](const auto& row) { return begins(row.name); });
}

}  // namespace dl::master
