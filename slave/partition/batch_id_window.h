// The newest batch ids of a partition and the offsets their batches got, so that a repeat answers as the
// first did (INV-11). Rebuilt from the log; ids of segments that compaction removes are kept in a file the
// manifest names. Not thread-safe: under the writer's exclusion.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/limits.h"
#include "slave/log/partition_log.h"

namespace dl::slave {

class BatchIdWindow {
  public:
    explicit BatchIdWindow(std::size_t entries_max = limits::batch_ids_per_partition_max);
    ~BatchIdWindow();
    // Forgets the oldest beyond the limit. A known id is left as it is.
    void add(const BatchIdEntry& entry);
    std::optional<BatchIdEntry> find(const Hash128& id) const;
    // Ids of batches that end below `offset`, oldest first.
    std::vector<BatchIdEntry> below(Offset offset) const;
    std::size_t size() const { return order_.size(); }

  private:
    struct Map;
    std::unique_ptr<Map> map_;
    std::deque<BatchIdEntry> order_;
    std::size_t entries_max_;
};

// Content of the `batch-ids.<n>` file (docs/formats/manifest.md).
std::string encode_batch_ids(std::span<const BatchIdEntry> entries);
Result<std::vector<BatchIdEntry>> decode_batch_ids(std::string_view bytes);

}  // namespace dl::slave
