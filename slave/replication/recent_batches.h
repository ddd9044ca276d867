// The newest batches of a leader's log, as long as a copy may still lack them: what goes to followers is not
// read from the file that it was written to a moment ago. All that a node keeps so is bounded; what has no
// room is read from the log. Not thread-safe but for the budget.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "slave/log/partition_log.h"

namespace dl::slave {

class RecentBatches {
  public:
    // Of all partitions of a node.
    struct Budget {
        std::uint64_t bytes_max = 64u << 20;
        std::atomic<std::uint64_t> used{0};
    };
    explicit RecentBatches(std::shared_ptr<Budget> budget) : budget_(std::move(budget)) {}
    RecentBatches(const RecentBatches&) = delete;
    RecentBatches& operator=(const RecentBatches&) = delete;
    ~RecentBatches() { clear(); }

    // They go on where the last ones ended, or all before them are let go.
    void add(std::span<const StoredBatch> batches);
    // Whole batches from the one that holds `from` on, about `bytes_max`, at least one. nullopt: that one is
    // not here.
    std::optional<std::vector<StoredBatch>> read(Offset from, std::uint64_t bytes_max) const;
    void drop_below(Offset end);
    void clear();

  private:
    const std::shared_ptr<Budget> budget_;
    std::deque<StoredBatch> batches_;
    std::uint64_t bytes_ = 0;
};

}  // namespace dl::slave
