// Lines of 64 bytes that prove themselves: 60 bytes of content and their CRC-32C, which begins with where the
// line is and in which file. Cheap enough (some nanoseconds, in a cache line that is wanted anyway) to be
// looked at with every use, so that what the disk or the memory made of a line is never taken for an answer,
// whenever that happened.
#pragma once

#include <nmmintrin.h>

#include <cstddef>
#include <cstdint>

#include "common/base/byte_io.h"

namespace dl::slave {

inline constexpr std::size_t kLineBytes = 64;
inline constexpr std::size_t kLineContentBytes = 60;

// `line` is its number in the file, `salt` a number of the file.
inline std::uint32_t line_checksum(const char* content, std::uint64_t line, std::uint32_t salt) {
    std::uint64_t crc = ~(salt + static_cast<std::uint32_t>(line));
    for (std::size_t at = 0; at < 56; at += 8)
        crc = _mm_crc32_u64(crc, load_le<std::uint64_t>(content + at));
    return ~_mm_crc32_u32(static_cast<std::uint32_t>(crc), load_le<std::uint32_t>(content + 56));
}
inline bool line_is_whole(const char* content, std::uint64_t line, std::uint32_t salt) {
    return load_le<std::uint32_t>(content + kLineContentBytes) == line_checksum(content, line, salt);
}

}  // namespace dl::slave
