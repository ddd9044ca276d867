// The column types of PROTOCOL 2.1 and how a value of each lies in memory, in the log and on the wire.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/error.h"

namespace dl {

// Numbers are part of the on-disk format (docs/formats/record-batch.md): never renumber.
enum class TypeKind : std::uint8_t {
    int32 = 1,      // "int"
    int64 = 2,      // "long"
    float32 = 3,    // "float"
    float64 = 4,    // "double"
    boolean = 5,    // "boolean"
    string = 6,     // "string", UTF-8
    timestamp = 7,  // "timestamp", microseconds since 1970-01-01 UTC
    date = 8,       // "date", days since 1970-01-01
    decimal = 9,    // "decimal(p,s)", 1 <= p <= 38, 0 <= s <= p; unscaled two's complement
    binary = 10,    // "binary"
    json = 11,      // query results only: nested values, as JSON text
};

// Layout of one value. Fixed ones are little-endian arrays; bytes is u32 end offsets plus a heap.
enum class PhysicalType : std::uint8_t { bool8, int32, int64, int128, float32, float64, bytes };

struct DataType {
    TypeKind kind = TypeKind::string;
    std::uint8_t precision = 0;  // decimal only
    std::uint8_t scale = 0;      // decimal only
    friend bool operator==(const DataType&, const DataType&) = default;
};

// decimal with precision <= 18 is int64, above int128.
PhysicalType physical_type(DataType type);
// Bytes per value of a fixed layout; 0 for bytes.
std::size_t physical_width(PhysicalType physical);
// "int", "decimal(10,2)".
std::string type_name(DataType type);
// Case-insensitive, blanks allowed around the parentheses; also accepts the aliases integer, bigint, bool,
// varchar, text, real, blob and decimal without arguments (18,3). INVALID_VALUE lists the valid names.
Result<DataType> parse_type(std::string_view text);

}  // namespace dl
