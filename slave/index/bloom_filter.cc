#include "slave/index/bloom_filter.h"

#include <algorithm>

namespace dl::slave {

std::uint32_t bloom_blocks_for(std::uint64_t keys) {
    constexpr std::uint64_t kBitsPerKey = 10;
    const std::uint64_t blocks = (keys * kBitsPerKey + kBloomBlockBits - 1) / kBloomBlockBits;
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(blocks, 1, 0xffffffffu));
}

}  // namespace dl::slave
