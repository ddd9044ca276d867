#include "common/base/crc32c.h"

#include <isa-l/crc.h>
#include <nmmintrin.h>

#include "common/base/byte_io.h"

namespace dl {

std::uint32_t crc32c(std::uint32_t crc, const void* data, std::size_t size) {
    const auto* at = static_cast<const unsigned char*>(data);
    std::uint32_t state = ~crc;
    constexpr std::size_t kLongInput = 512;  // from here on isa-l's interleaved version wins
    while (size >= kLongInput) {
        // isa-l takes an int length.
        const std::size_t part = size < (1u << 30) ? size : (1u << 30);
        state = crc32_iscsi(const_cast<unsigned char*>(at), static_cast<int>(part), state);
        at += part;
        size -= part;
    }
    std::uint64_t wide = state;
    for (; size >= 8; at += 8, size -= 8)
        wide = _mm_crc32_u64(wide, load_le<std::uint64_t>(at));
    state = static_cast<std::uint32_t>(wide);
    for (; size > 0; ++at, --size)
        state = _mm_crc32_u8(state, *at);
    return ~state;
}

std::uint32_t crc32_gzip(std::uint32_t crc, const void* data, std::size_t size) {
    return crc32_gzip_refl(crc, static_cast<const unsigned char*>(data), size);
}

}  // namespace dl
