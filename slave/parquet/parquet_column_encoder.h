// One column on its way into a Parquet file (https://parquet.apache.org/docs/file-format): takes the values
// of a row group, makes a column chunk of them. A chunk is a dictionary page, where values repeat, and data
// pages (version 1), compressed with Snappy where that pays. Which pages there are, and how values lie in
// them: docs/formats/snapshot-file.md. Memory: of numbers their plain size, of texts 16 bytes each (the bytes
// are the caller's), or 2 bytes a value that is in the dictionary; while it is encoded, the chunk's pages
// besides. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/record/column_batch.h"
#include "slave/parquet/parquet_page_writer.h"

namespace dl::slave {

// How a column type is stored.
struct ParquetStorage {
    ParquetType type = ParquetType::int64;
    std::uint32_t fixed_length = 0;  // of fixed_bytes
};
// Decimals: int32 up to 9 digits, int64 up to 18, else 16 bytes, big-endian. Booleans are one bit, dates
// int32, timestamps int64.
ParquetStorage parquet_storage(DataType type);

class ParquetColumnEncoder {
  public:
    // `optional`: has definition levels. Without them NULLs are only counted, and the chunk is of no use.
    static std::unique_ptr<ParquetColumnEncoder> create(DataType type, bool optional);
    // For ascending numbers: int64 without NULLs.
    static std::unique_ptr<ParquetColumnEncoder> create_delta();
    virtual ~ParquetColumnEncoder() = default;

    // Rows [begin, begin + count) of a column of the same type. The bytes of texts stay where they are until
    // encode().
    virtual void append(const ColumnView& view, std::uint32_t begin, std::uint32_t count) = 0;
    // The same row again and again.
    virtual void append_repeated(const ColumnView& view, std::uint32_t row, std::uint32_t count) = 0;
    virtual void append_nulls(std::uint32_t count) = 0;
    virtual std::uint64_t rows() const = 0;
    // Appends the chunk of the values so far to `out`, and begins the next row group.
    virtual ParquetChunkInfo encode(std::string& out, ParquetPageDrafts& pages) = 0;
};

}  // namespace dl::slave
