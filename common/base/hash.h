// Key hashes. Two different ones on purpose:
//  - partition_hash decides which slot, hence which partition, a key belongs to. Frozen; named in the table's
//    metadata as "xxh3-64"; unseeded, so every client computes the same.
//  - index_hash identifies a key inside a partition. 128 bits, seeded with a random number of the table, so
//    that nobody can craft colliding keys; among n keys a collision has probability about n^2 / 2^129
//    (6e-25 for 20 million).
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

namespace dl {

struct Hash128 {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    friend auto operator<=>(const Hash128&, const Hash128&) = default;
};

inline constexpr std::string_view kPartitionHashName = "xxh3-64";
inline constexpr std::uint32_t kSlotCount = 4096;

std::uint64_t partition_hash(std::string_view key_bytes);
inline std::uint32_t slot_of(std::uint64_t hash) {
    return static_cast<std::uint32_t>(hash >> 52);
}
Hash128 index_hash(std::string_view key_bytes, std::uint64_t seed);

struct Hash128Hasher {
    using is_avalanching = void;  // boost::unordered: the value is well mixed already
    std::size_t operator()(const Hash128& h) const noexcept { return h.low; }
};

}  // namespace dl
