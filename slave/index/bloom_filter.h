// Blocked Bloom filter over key hashes: one cache line a lookup, about 10 bits a key, about 1 % false
// positives. Blocks are 64 bytes; the block comes from Hash128::high, six bit positions of nine bits each
// from Hash128::low. Format: docs/formats/key-index.md.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "common/base/hash.h"

namespace dl::slave {

inline constexpr std::size_t kBloomBlockBytes = 64;

inline std::uint64_t scale_to(std::uint64_t hash, std::uint64_t range) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(hash) * range) >> 64);
}

// Blocks for `keys` keys; at least 1.
std::uint32_t bloom_blocks_for(std::uint64_t keys);

// Reads a filter that lies in foreign memory (a mapped file). Thread-safe.
class BloomView {
  public:
    BloomView() = default;
    BloomView(const char* blocks, std::uint32_t count) : blocks_(blocks), count_(count) {}

    void prefetch(const Hash128& hash) const { __builtin_prefetch(block_of(hash)); }
    bool may_contain(const Hash128& hash) const {
        const char* block = block_of(hash);
        std::uint64_t bits = hash.low;
        for (int i = 0; i < 6; ++i, bits >>= 9) {
            const auto bit = bits & 511;
            if (((static_cast<unsigned char>(block[bit >> 3]) >> (bit & 7)) & 1) == 0) return false;
        }
        return true;
    }

  private:
    const char* block_of(const Hash128& hash) const {
        return blocks_ + scale_to(hash.high, count_) * kBloomBlockBytes;
    }
    const char* blocks_ = nullptr;
    std::uint32_t count_ = 0;
};

class BloomBuilder {
  public:
    explicit BloomBuilder(std::uint64_t keys)
        : count_(bloom_blocks_for(keys)), bytes_(std::size_t{count_} * kBloomBlockBytes, '\0') {}
    void add(const Hash128& hash) {
        char* block = bytes_.data() + scale_to(hash.high, count_) * kBloomBlockBytes;
        std::uint64_t bits = hash.low;
        for (int i = 0; i < 6; ++i, bits >>= 9) {
            const auto bit = bits & 511;
            block[bit >> 3] = static_cast<char>(block[bit >> 3] | (1 << (bit & 7)));
        }
    }
    std::uint32_t blocks() const { return count_; }
    const std::string& bytes() const { return bytes_; }

  private:
    std::uint32_t count_;
    std::string bytes_;
};

}  // namespace dl::slave
