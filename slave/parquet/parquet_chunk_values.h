// The values of a run of rows of one column chunk, for reading rows by the thousand: whole pages are unpacked
// and decoded. (Single rows: parquet_page.h.) Reads the encodings our own files have: version 1 pages, PLAIN,
// dictionaries, differences; snappy or none.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "slave/parquet/parquet_footer.h"

namespace dl::slave {

struct ParquetPageHeader;

class ParquetChunkValues {
  public:
    // Of rows [first, first + count), numbered within the row group. Every page that is looked into is
    // compared with its checksum. Takes the plain size of these pages off `*bytes_left`. CORRUPT_DATA, or
    // NOT_SUPPORTED for encodings of others and for pages larger than `*bytes_left`: read them another way.
    // `chunk` outlives the values.
    static Result<ParquetChunkValues> read(std::string_view chunk, const ParquetColumn& column,
                                           ParquetCodec codec, std::uint64_t first, std::uint32_t count,
                                           std::uint64_t* bytes_left);

    // The rows of the last data page that begins with a number of `at_most` or less, of a column of ascending
    // 64 bit numbers without NULLs; none from row 0 on when no page does. As read().
    struct Rows {
        std::uint64_t first = 0, count = 0;
    };
    static Result<Rows> page_with(std::string_view chunk, const ParquetColumn& column, ParquetCodec codec,
                                  std::int64_t at_most, std::uint64_t* bytes_left);

    // As append_parquet_cell() takes them; without data(): NULL.
    std::span<const std::string_view> values() const { return values_; }

  private:
    Result<std::string_view> unpack(const ParquetPageHeader& header, std::string_view stored,
                                    ParquetCodec codec, std::uint64_t* bytes_left);
    Result<void> take_dictionary(const ParquetPageHeader& header, std::string_view content,
                                 const ParquetColumn& column);
    Result<void> take_rows(const ParquetPageHeader& header, std::string_view content,
                           const ParquetColumn& column, std::uint64_t first, std::uint32_t count);
    Result<void> decode(const ParquetPageHeader& header, std::string_view content,
                        const ParquetColumn& column, std::uint64_t first, std::uint64_t count);

    std::vector<std::string_view> values_;
    std::vector<std::string_view> decoded_;  // of one page, without NULLs
    std::vector<std::string_view> dictionary_;
    std::vector<std::unique_ptr<char[]>> memory_;                      // of unpacked pages
    std::vector<std::unique_ptr<std::vector<std::int64_t>>> numbers_;  // of differences
};

}  // namespace dl::slave
