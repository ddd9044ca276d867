// Blocked Bloom filter over key hashes: one cache line a lookup, about 10 bits a key, about 1 % false
// positives. A block is 480 bits, in the line of a key index that also holds its checksum; the block comes
// from Hash128::high, six bit positions from nine bits each of Hash128::low. Format:
// docs/formats/key-index.md.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/hash.h"
#include "slave/index/checked_lines.h"

namespace dl::slave {

inline constexpr std::uint64_t kBloomBlockBits = kLineContentBytes * 8;

inline std::uint64_t scale_to(std::uint64_t hash, std::uint64_t range) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(hash) * range) >> 64);
}

// Blocks for `keys` keys; at least 1.
std::uint32_t bloom_blocks_for(std::uint64_t keys);

inline std::uint64_t bloom_block_of(const Hash128& hash, std::uint32_t blocks) {
    return scale_to(hash.high, blocks);
}
// Calls visit(bit) for the six bits of a key in its block.
template <class Visit>
void each_bloom_bit(const Hash128& hash, Visit visit) {
    std::uint64_t bits = hash.low;
    for (int i = 0; i < 6; ++i, bits >>= 9)
        visit((bits & 511) * kBloomBlockBits >> 9);
}
// Without branches: which bit says no is as good as random.
inline bool bloom_may_contain(const char* block, const Hash128& hash) {
    unsigned all = 1;
    each_bloom_bit(
        hash, [&](std::uint64_t bit) { all &= static_cast<unsigned char>(block[bit >> 3]) >> (bit & 7); });
    return all != 0;
}

class BloomBuilder {
  public:
    explicit BloomBuilder(std::uint64_t keys)
        : count_(bloom_blocks_for(keys)), bytes_(std::size_t{count_} * kLineContentBytes, '\0') {}
    void add(const Hash128& hash) {
        char* block = bytes_.data() + bloom_block_of(hash, count_) * kLineContentBytes;
        each_bloom_bit(hash, [block](std::uint64_t bit) {
            block[bit >> 3] = static_cast<char>(block[bit >> 3] | (1 << (bit & 7)));
        });
    }
    std::uint32_t blocks() const { return count_; }
    // kLineContentBytes a block.
    const std::string& bytes() const { return bytes_; }

  private:
    std::uint32_t count_;
    std::string bytes_;
};

}  // namespace dl::slave
