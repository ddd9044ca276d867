// Key hash -> newest row of one tail segment. Rows are numbered from 0 in the order they are put and their
// hashes kept side by side (a flush writes them into the key index); the table itself holds 8 bytes a slot,
// so that a lookup of a fresh key touches one cache line, which prefetch() can ask for beforehand. Not
// thread-safe: its segment holds a lock around the writer and the readers.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/hash.h"

namespace dl::slave {

struct KeyRow {
    Hash128 hash;
    std::uint32_t row = 0;
};

class KeyTable {
  public:
    static constexpr std::uint32_t kNone = 0xffffffffu;

    KeyTable();
    // Makes room for `more` further rows.
    void reserve(std::size_t more);
    void prefetch(const Hash128& hash) const { __builtin_prefetch(&slots_[home(hash)]); }
    // Appends the next row (its number is rows() before the call) and returns the row of the same key before
    // it, or kNone.
    std::uint32_t put(const Hash128& hash);
    // Newest row of the key, or kNone.
    std::uint32_t find(const Hash128& hash) const;
    // Newest row of the key among rows [0, end), or kNone. As fast as find() unless the key was put again
    // since; then the rows below `end` are gone through.
    std::uint32_t find_below(const Hash128& hash, std::uint32_t end) const;

    const std::vector<Hash128>& hashes() const { return hashes_; }  // by row
    std::uint32_t rows() const { return static_cast<std::uint32_t>(hashes_.size()); }
    std::uint32_t keys() const { return keys_; }
    std::size_t bytes() const { return hashes_.capacity() * sizeof(Hash128) + slots_.capacity() * 8; }
    // The newest row of every key, ascending by hash.
    std::vector<KeyRow> sorted() const;

  private:
    // A slot is the upper 32 bits of Hash128::high, then row + 1; 0 is free. Its home follows from those bits
    // alone, so growing reads no hashes.
    static std::uint32_t fingerprint(const Hash128& hash) {
        return static_cast<std::uint32_t>(hash.high >> 32);
    }
    std::size_t home(const Hash128& hash) const { return fingerprint(hash) >> shift_; }
    void grow(std::size_t keys);

    std::vector<std::uint64_t> slots_;
    std::vector<Hash128> hashes_;
    std::uint32_t keys_ = 0;
    std::size_t keys_max_ = 0;  // grow beyond
    unsigned shift_ = 0;
};

}  // namespace dl::slave
