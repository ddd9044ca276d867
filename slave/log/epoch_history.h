// Where each leader epoch of a log begins (INV-2: epochs never fall). Derived from the batches; kept in
// memory only. Not thread-safe.
#pragma once

#include <optional>
#include <vector>

#include "slave/log/partition_log.h"

namespace dl::slave {

class EpochHistory {
  public:
    // The next batch of the log.
    void add(LeaderEpoch epoch, Offset base_offset);
    // The log ends at `end` now.
    void truncate(Offset end);
    // The log begins at `first` now.
    void remove_before(Offset first);

    LeaderEpoch newest() const { return starts_.empty() ? LeaderEpoch{0} : starts_.back().epoch; }
    const std::vector<EpochStart>& starts() const { return starts_; }
    // The newest epoch that is not above `epoch`, in a log that ends at `log_end`.
    std::optional<EpochEnd> end_of(LeaderEpoch epoch, Offset log_end) const;

  private:
    std::vector<EpochStart> starts_;  // ascending in both
};

}  // namespace dl::slave
