// The memory that the remembered batch ids of all partitions of a node may keep: the filters and block
// indexes of their files (slave.batch_id.memory.bytes). Ids that are in no file yet count as tail
// (tail_budget.h), which a flush empties. Beyond the limit new batches with an id are refused: forgetting one
// early would let its batch be applied twice (INV-11). Thread-safe; outlives its shares.
#pragma once

#include <atomic>
#include <cstdint>

namespace dl::slave {

class BatchIdBudget {
  public:
    // 0: no limit.
    explicit BatchIdBudget(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}
    std::uint64_t bytes_max() const { return bytes_max_; }
    std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
    bool full() const { return bytes_max_ != 0 && used() >= bytes_max_; }

    // One partition's. Not thread-safe.
    class Share {
      public:
        explicit Share(BatchIdBudget* owner) : owner_(owner) {}
        Share(const Share&) = delete;
        Share& operator=(const Share&) = delete;
        ~Share() { set(0); }
        void set(std::uint64_t bytes) {
            if (owner_ != nullptr)
                owner_->used_.fetch_add(bytes - bytes_,
                                        std::memory_order_relaxed);  // wraps to the difference
            bytes_ = bytes;
        }

      private:
        BatchIdBudget* owner_;
        std::uint64_t bytes_ = 0;
    };

  private:
    const std::uint64_t bytes_max_;
    std::atomic<std::uint64_t> used_{0};
};

}  // namespace dl::slave
