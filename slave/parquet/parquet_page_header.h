// The header of a Parquet page as it lies in a column chunk, in Thrift's compact protocol. Only what our own
// files contain: data pages of version 1 and dictionary pages.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/error.h"

namespace dl::slave {

struct ParquetPageHeader {
    std::int64_t kind = -1;
    std::int64_t plain_bytes = -1;
    std::int64_t stored_bytes = -1;
    std::int64_t values = -1;  // of a data page with NULLs
    std::int64_t encoding = -1;
    std::int64_t level_encoding = -1;
    std::optional<std::uint32_t> crc;  // CRC-32 of the stored bytes behind the header
    std::size_t header_bytes = 0;

    bool is_dictionary() const { return kind == 2; }
};

// Of the page that begins with the first byte; `available`: how many bytes there are up to the end of the
// chunk, of which `bytes` are the first. CORRUPT_DATA, or NOT_SUPPORTED for pages of another kind.
Result<ParquetPageHeader> read_page_header(std::string_view bytes, std::uint64_t available);

// The content behind a header has the checksum that the header names, if it names one.
bool page_is_whole(const ParquetPageHeader& header, std::string_view stored);

}  // namespace dl::slave
