// Column types as people write them: which of our types stores them and what their values are held to. The
// names of other systems are accepted where one of our types holds the same values; a type that says more
// than the stored one (varchar(20), smallint, uuid) is kept as it was declared and checked on every write.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/record/column_batch.h"
#include "common/types/data_type.h"

namespace dl::master {

// What a value of a column must be beyond its stored type.
struct ColumnCheck {
    enum class Kind : std::uint8_t {
        none,
        characters,  // of a text, at most `most` (Unicode code points)
        bytes,       // of a binary value, at most `most`
        range,       // of a whole number, `least` to `most`
        json,        // a text that is one JSON value (RFC 8259)
        uuid,        // 8-4-4-4-12 hex digits, kept as written
        time,        // HH:MM:SS with up to six digits of a fraction, 00:00:00 to 23:59:59.999999
    };
    Kind kind = Kind::none;
    std::int64_t least = 0;
    std::int64_t most = 0;

    friend bool operator==(const ColumnCheck&, const ColumnCheck&) = default;
};

struct DeclaredType {
    DataType type;      // as it is stored
    std::string text;   // as it is shown; empty when that is type_name(type)
    ColumnCheck check;  // none without a text

    std::string shown() const { return text.empty() ? type_name(type) : text; }
    friend bool operator==(const DeclaredType&, const DeclaredType&) = default;
};

// Of the columns whose type says more than the stored one.
using DeclaredTypes = std::map<FieldId, DeclaredType>;

// "varchar(20)", "double precision", "timestamp with time zone", "int(11)". INVALID_VALUE: what is no type
// names those that are near or all, what has no counterpart here names the nearest one.
Result<DeclaredType> parse_declared_type(std::string_view text);
// Does a type begin with this word (lower case)? True also for types that are then refused by name.
bool begins_type(std::string_view word);

// What is wrong with a value (not NULL) of a column of the declared type: nullopt when nothing is.
std::optional<std::string> complaint_of(const DeclaredType& declared, const ColumnView& values,
                                        std::uint32_t row);
// Every value of `from` is one of `to`, both stored alike: such a change needs no look at the rows.
bool is_wider(const DeclaredType& from, const DeclaredType& to);

}  // namespace dl::master
