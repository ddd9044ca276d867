// Batches that are in the log and not applied yet, in the order of the log. With one copy it is empty between
// two groups of the appender. Not thread-safe: under the writer's exclusion.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <optional>
#include <span>
#include <vector>

#include "slave/log/partition_log.h"

namespace dl::slave {

struct LogBatch {
    RecordBatchHeader header;
    ColumnBatch batch;
    std::vector<Hash128> hashes;  // of the keys; empty: not computed yet
};

class UnappliedBatches {
  public:
    // Behind the last one.
    void push(LogBatch batch);
    bool empty() const { return first_ == batches_.size(); }
    // Those that end at or below `end`, `count_max` at most; valid until the next call that changes anything.
    std::span<LogBatch> ready(Offset end, std::size_t count_max);
    // The first `count` are applied.
    void drop_front(std::size_t count);
    // Those from `offset` on are in the log no more.
    void drop_from(Offset offset);
    // The batch of this name, if it is one of them.
    std::optional<BatchIdEntry> find(const BatchName& name) const;
    std::uint64_t body_bytes() const { return body_bytes_; }

  private:
    void forget(LogBatch& batch);

    std::vector<LogBatch> batches_;
    std::size_t first_ = 0;  // those before it are dropped
    std::uint64_t body_bytes_ = 0;
    boost::unordered_flat_map<BatchName, BatchIdEntry, BatchNameHasher> ids_;
};

// With a digest of the rows.
BatchIdEntry batch_id_entry(const LogBatch& batch);

}  // namespace dl::slave
