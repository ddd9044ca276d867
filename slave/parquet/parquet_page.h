// Single values out of one column chunk of a Parquet file, without decoding the others. Reads the encodings
// our own files have (PLAIN and dictionary, version 1 pages, snappy or none).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "slave/parquet/chunk_guide.h"
#include "slave/parquet/parquet_footer.h"

namespace dl::slave {

// A value as PLAIN encoding holds it: fixed types little-endian, byte arrays without their length, booleans
// one byte. nullopt is NULL. Valid during the call only.
using ParquetValueSink = std::function<void(std::size_t index, std::optional<std::string_view> value)>;

// Gives the values of `rows` (ascending, numbered within the row group) to `sink`, with their index in
// `rows`. `chunk` are the bytes of the column chunk that `guide` was made of. CORRUPT_DATA for damage.
Result<void> read_parquet_values(std::string_view chunk, const ChunkGuide& guide, const ParquetColumn& column,
                                 std::span<const std::uint32_t> rows, const ParquetValueSink& sink);

}  // namespace dl::slave
