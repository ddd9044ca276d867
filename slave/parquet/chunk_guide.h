// What reading single values of a column chunk needs to know beforehand: where its pages are, where its
// compressed bytes can be entered (snappy_marks.h), where some of its values lie. Made by one pass over the
// whole chunk, about a hundredth of its size, good for as long as the file: worth keeping
// (chunk_guide_cache.h). Immutable, thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "slave/parquet/parquet_footer.h"
#include "slave/parquet/snappy_marks.h"

namespace dl::slave {

// Bytes of a value in PLAIN encoding; 0 for byte arrays and booleans.
std::size_t plain_value_bytes(const ParquetColumn& column);

struct PageGuide {
    std::size_t stored_begin = 0;  // in the chunk, behind the header
    std::size_t stored_bytes = 0;
    std::uint32_t plain_bytes = 0;
    ParquetCodec codec = ParquetCodec::plain;
    SnappyMarks snappy;  // of codec snappy

    std::uint64_t first_row = 0;  // within the row group
    std::uint64_t rows = 0;       // of a dictionary: entries
    bool is_dictionary = false;
    bool indexed = false;            // holds indexes into the dictionary
    std::uint32_t values_begin = 0;  // plain position behind the levels
    bool has_nulls = false;
    std::string levels;  // definition levels, when it has

    // Of PLAIN byte arrays: where value `number` begins, every kMarkValues values or kMarkBytes bytes.
    static constexpr std::uint32_t kMarkValues = 64;
    static constexpr std::uint32_t kMarkBytes = 4096;
    struct ValueMark {
        std::uint32_t number, at;
    };
    std::vector<ValueMark> marks;
    std::uint64_t values = 0;  // that are not NULL
};

// Of a chunk, or of one page of it.
struct ChunkGuide {
    std::shared_ptr<const PageGuide> dictionary;
    std::vector<PageGuide> pages;  // by first_row

    // Behind the last row it guides to.
    std::uint64_t end_row() const { return pages.empty() ? 0 : pages.back().first_row + pages.back().rows; }
    std::size_t memory_bytes() const;
};

// CORRUPT_DATA, or NOT_SUPPORTED for what our own files do not contain. Holds one unpacked page at a time.
Result<ChunkGuide> survey_chunk(std::string_view chunk, const ParquetColumn& column, ParquetCodec codec);
// The guide of one page that begins at `at` in the chunk, whose first row is `first_row`; pages of indexes
// need the chunk's dictionary, which is the guide of its first page.
Result<PageGuide> survey_page(std::string_view chunk, std::size_t at, std::uint64_t first_row,
                              const PageGuide* dictionary, const ParquetColumn& column, ParquetCodec codec);

}  // namespace dl::slave
