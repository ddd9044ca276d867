// Copies that are given up by order, to be made anew: whether one may be, and which have been a moment ago,
// before the catalog has them out of its sets. Two orders for copies of one partition, given at the same
// time, each leave enough of the others alone, and together too few.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/meta/placement.h"
#include "common/meta/table_meta.h"
#include "master/control/copy_control.h"
#include "master/control/copy_progress.h"

namespace dl::master {

// Members of the in-sync set that are not to be counted on, each with a word of why, as part of a sentence.
using UnsoundCopies = std::map<NodeId, std::string>;
// Those whose slave does not answer, is ending, or has said that its copy does not serve. Pure.
UnsoundCopies unsound_copies(const TableMeta& table, PartitionId partition, const PartitionPlacement& placed,
                             const std::vector<NodeView>& nodes, const CopyProgress& progress);
// Why the copy on `slave` may not be given up; nullopt: it may. Whoever leads has to be sound, and
// min_in_sync others as well when it is one of the in-sync set. Pure.
std::optional<Error> refill_refused(const TableMeta& table, PartitionId partition,
                                    const PartitionPlacement& placed, const NodeView& slave,
                                    const UnsoundCopies& unsound);

// Thread-safe.
class RefillOrders {
  public:
    using Time = std::chrono::steady_clock::time_point;
    // The leader hears of a copy that was given up with the next fetch, and says so with the next heartbeat.
    // After this time it is not going to any more, and the catalog's sets are all that counts.
    static constexpr std::chrono::seconds kHeardWithin{10};

    // refill_refused(), with the copies counted as gone that others have been told to give up. When it may be
    // given up, it counts as gone itself from then on.
    std::optional<Error> begin(const TableMeta& table, PartitionId partition,
                               const PartitionPlacement& placed, const NodeView& slave, UnsoundCopies unsound,
                               Time now);
    // It was not told, or the catalog has it out of the in-sync set.
    void end(TableId table, PartitionId partition, NodeId node);

  private:
    using Key = std::pair<TableId, PartitionId>;
    struct Order {
        std::string address;
        Time given;
    };
    std::mutex mutex_;
    std::map<Key, std::map<NodeId, Order>> orders_;
};

}  // namespace dl::master
