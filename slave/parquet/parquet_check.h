// Walks the pages of a Parquet file and compares each with its checksum, without decoding any. Blocking;
// memory: one read (kCheckReadBytes).
#pragma once

#include <cstddef>

#include "common/io/file_system.h"

namespace dl::slave {

inline constexpr std::size_t kCheckReadBytes = 256u << 10;

// CORRUPT_DATA names column, row group and byte offset of the first page that is not what was written. Pages
// of our format from version 2 on must have a checksum; of older files and those of other programs only the
// headers are looked at.
Result<void> check_parquet_pages(const ReadableFile& file);

}  // namespace dl::slave
