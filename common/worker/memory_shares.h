// How much of the memory and the disk space of all queries one of them is lent: half of what is free, and at
// least a share that suffices for a query that spills. Thread-safe; outlives its shares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

namespace dl {

class MemoryShares {
  public:
    static constexpr std::uint64_t kShareMin = 32u << 20;
    // Results that their clients are slow to read keep what they were lent, and hold no slot: there may be
    // many times more of them than queries that run. Beyond so many times the memory each gets kShareMin.
    static constexpr std::uint64_t kLentMax = 2;

    MemoryShares(std::uint64_t memory_bytes, std::uint64_t spill_bytes, std::size_t queries)
        : memory_bytes_(memory_bytes), spill_bytes_(spill_bytes), queries_(queries == 0 ? 1 : queries) {}

    class Share {
      public:
        Share() = default;
        Share(Share&& other) noexcept;
        Share& operator=(Share&& other) noexcept;
        ~Share();
        std::uint64_t memory_bytes() const { return memory_bytes_; }
        std::uint64_t spill_bytes() const { return spill_bytes_; }

      private:
        friend class MemoryShares;
        MemoryShares* owner_ = nullptr;
        std::uint64_t memory_bytes_ = 0;
        std::uint64_t spill_bytes_ = 0;
    };
    Share lend();

  private:
    const std::uint64_t memory_bytes_, spill_bytes_;
    const std::size_t queries_;
    std::mutex mutex_;
    std::uint64_t lent_ = 0;
};

}  // namespace dl
