// A value as it goes into and comes out of a table.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace datalake {

// NULL, boolean, int and long, float and double, everything else in its text form (docs/protocol.md,
// "Values").
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string>;

inline bool is_null(const Value& value) {
    return value.index() == 0;
}

enum class Operation : std::uint8_t { insert, remove };

}  // namespace datalake
