// Counts rows whose key a row before them has. Keys are told apart by 64 bits of hash: a count may be too
// high by chance once in a hundred thousand files, never too low among the first kKeysMax keys. One thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace datalake::cli {

class RepeatedKeys {
  public:
    // In 64 MiB of memory; keys behind them are compared with these.
    static constexpr std::size_t kKeysMax = std::size_t{1} << 22;

    void see(std::string_view key);
    std::uint64_t rows() const { return rows_; }
    // Every key was kept: the count is whole.
    bool complete() const { return complete_; }

  private:
    // Where the hash is, or the free place for it.
    std::size_t place_of(std::uint64_t hash) const;
    void grow();

    std::vector<std::uint64_t> places_;  // 0: free; a power of two of them, at most half used
    std::size_t used_ = 0;
    std::uint64_t rows_ = 0;
    bool complete_ = true;
};

}  // namespace datalake::cli
