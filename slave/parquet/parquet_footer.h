// Where the columns of a Parquet file lie: its footer, read once and kept in a compact form. Only what our
// own files contain: flat columns.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/io/file_system.h"

namespace dl::slave {

// Numbers as in the Parquet format.
enum class ParquetType : std::uint8_t {
    boolean = 0,
    int32 = 1,
    int64 = 2,
    int96 = 3,
    real32 = 4,
    real64 = 5,
    byte_array = 6,
    fixed_bytes = 7
};
enum class ParquetCodec : std::uint8_t { plain = 0, snappy = 1 };

struct ParquetColumn {
    std::string name;
    ParquetType type = ParquetType::int64;
    std::uint32_t fixed_length = 0;  // of fixed_bytes
    bool optional = false;           // has definition levels
};

struct ParquetChunk {
    std::uint64_t begin = 0;  // of its first page, which may be the dictionary
    std::uint32_t bytes = 0;
    std::uint64_t plain_bytes = 0;  // uncompressed, as the footer says
    ParquetCodec codec = ParquetCodec::plain;
    std::uint64_t index_begin = 0;    // of the offset index
    std::uint32_t index_bytes = 0;    // 0: it has none of ours
    std::optional<std::int64_t> min;  // of 64 bit numbers: the smallest value, where the statistics say it
};

// What our writer calls itself, with the version of docs/formats/snapshot-file.md. Files of version 1 say
// "DataLakeDB" alone.
inline constexpr std::string_view kParquetCreatedBy = "DataLakeDB version 3";

struct ParquetFooter {
    std::uint32_t version = 0;  // of our format; 0: another program wrote the file
    std::vector<ParquetColumn> columns;
    std::vector<std::uint64_t> first_rows;  // of the row groups, and the number of all rows
    std::vector<ParquetChunk> chunks;       // row group by row group, one per column

    const ParquetChunk& chunk(std::size_t group, std::size_t column) const {
        return chunks[group * columns.size() + column];
    }
    // Stored and plain bytes of the largest row group: what a reader that takes in whole chunks has of it.
    std::uint64_t widest_group_bytes() const;
};

// A data page of a chunk, as the offset index says.
struct ParquetPagePlace {
    std::uint64_t begin = 0;  // in the file
    std::uint32_t bytes = 0;  // with the header
    std::uint64_t first_row = 0;
};
// One behind the other, the last at the end of the chunk. `bytes`: the index of this chunk. CORRUPT_DATA for
// damage.
Result<std::vector<ParquetPagePlace>> read_offset_index(std::string_view bytes, const ParquetChunk& chunk);

// CORRUPT_DATA when it is damaged, NOT_SUPPORTED for what our own files do not contain and for versions of
// our format that are not known. `end` is the file, or as much of its end as holds the footer; `file_bytes`
// its size.
Result<ParquetFooter> read_parquet_footer(std::string_view end, std::uint64_t file_bytes);
inline Result<ParquetFooter> read_parquet_footer(std::string_view file) {
    return read_parquet_footer(file, file.size());
}
// The same of a file that is read, not mapped.
Result<ParquetFooter> read_parquet_footer(const ReadableFile& file);

}  // namespace dl::slave
