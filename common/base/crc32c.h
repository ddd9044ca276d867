// CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected, as in RFC 3720 B.4). crc32c("123456789") =
// 0xE3069283.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dl {
// Continues `crc` (0 to begin) over `size` bytes. Thread-safe.
std::uint32_t crc32c(std::uint32_t crc, const void* data, std::size_t size);
// The CRC-32 of gzip, zlib and Parquet's pages (polynomial 0x04C11DB7 reflected): "123456789" has 0xCBF43926.
// As above.
std::uint32_t crc32_gzip(std::uint32_t crc, const void* data, std::size_t size);
}  // namespace dl
