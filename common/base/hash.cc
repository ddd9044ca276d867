#include "common/base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace dl {

std::uint64_t partition_hash(std::string_view key_bytes) {
    return XXH3_64bits(key_bytes.data(), key_bytes.size());
}

Hash128 index_hash(std::string_view key_bytes, std::uint64_t seed) {
    const XXH128_hash_t h = XXH3_128bits_withSeed(key_bytes.data(), key_bytes.size(), seed);
    return {h.high64, h.low64};
}

}  // namespace dl
