// The plainest lookup by key, `SELECT a, b FROM t WHERE key = 7` (or `*`, or `key IN (7, 8)`), recognised
// without a SQL parser, so that it can be answered without one. Whatever is written in any other way is not
// recognised and takes the general path, with the same result. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/limits.h"
#include "common/types/data_type.h"

namespace dl {

// A constant as it stands in SQL: digits with an optional minus and a point, or the content of a string
// literal.
struct KeyLiteral {
    bool quoted = false;
    std::string text;
};

struct PointSelect {
    std::string table;
    std::vector<std::string> columns;  // empty: all
    std::string key;
    std::vector<KeyLiteral> values;
};

// More keys than this are found faster by a scan.
inline constexpr std::size_t kLookupKeysMax = limits::lookup_keys_max;

// Names are lower-case and unquoted, each column once; at most kLookupKeysMax values.
std::optional<PointSelect> parse_point_select(std::string_view sql);

// The text form (value_text.h) of the only key of `type` that equals the literal for DuckDB; nullopt when
// that is not certain (float, boolean), and for binary, whose literals are not texts.
std::optional<std::string> exact_key_text(const KeyLiteral& literal, DataType type);

}  // namespace dl
