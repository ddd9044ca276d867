// CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected, as in RFC 3720 B.4). crc32c("123456789") =
// 0xE3069283.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dl {
// Continues `crc` (0 to begin) over `size` bytes. Thread-safe.
std::uint32_t crc32c(std::uint32_t crc, const void* data, std::size_t size);
}  // namespace dl
