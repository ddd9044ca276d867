// Sealed copies of what queries read again and again: batches of tails, and the marks of files with dead
// rows. Each is made when a query first asks for it and kept while queries go on asking, within a bound; what
// it was made of is kept alive as long. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "common/base/error.h"
#include "common/process/sealed_memory.h"

namespace dl::slave {

class SealedCache {
  public:
    using Clock = std::chrono::steady_clock;
    using Memory = std::shared_ptr<const SealedMemory>;
    static constexpr std::chrono::seconds kKept{10};  // after the last query that asked

    explicit SealedCache(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

    // Where what is copied lies, in its order.
    using Key = std::vector<const void*>;

    // The copy of what `of` points to, which is immutable and is `owner`'s. Made by `make` unless it is
    // there; beyond the bound the one asked for longest ago goes.
    Result<Memory> get(Key of, std::shared_ptr<const void> owner,
                       const std::function<Result<Memory>()>& make);
    // Lets go of those that nobody has asked for lately; to be called now and then.
    void expire(Clock::time_point now = Clock::now());
    std::uint64_t bytes() const;

  private:
    struct Entry {
        std::shared_ptr<const void> owner;
        Memory memory;
        Clock::time_point used;
    };
    const std::uint64_t bytes_max_;
    mutable std::mutex mutex_;
    std::map<Key, Entry> entries_;
    std::uint64_t bytes_ = 0;
};

}  // namespace dl::slave
