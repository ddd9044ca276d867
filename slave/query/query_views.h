// Cuts that are pinned for queries: what the RPCs pin and unpin work on. A cut is let go when it is removed,
// or when its lease is over without a use. A query that runs holds its cut itself. Thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <vector>

#include "common/base/error.h"
#include "common/meta/table_meta.h"
#include "slave/partition/read_view.h"

namespace dl::slave {

struct PinnedTable {
    std::shared_ptr<const TableMeta> table;  // as it was when pinned
    std::map<PartitionId, std::shared_ptr<const ReadView>> partitions;
    // Set: the query wants no other rows than those of these keys.
    std::optional<std::vector<Hash128>> keys;
};

struct QueryView {
    std::map<TableId, PinnedTable> tables;
};

class QueryViews {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr std::size_t kViewsMax = 4096;
    static constexpr std::chrono::milliseconds kLeaseMax{3'600'000};

    explicit QueryViews(std::size_t views_max = kViewsMax,
                        std::function<Clock::time_point()> now = Clock::now)
        : views_max_(views_max), now_(std::move(now)) {}

    // Answers with its id (random, below 2^53, so that JSON keeps it). OVERLOADED when there are too many.
    Result<std::uint64_t> add(QueryView view, std::chrono::milliseconds lease);
    // Starts the lease anew. NOT_FOUND when it is unknown or its lease is over: pin again.
    Result<std::shared_ptr<const QueryView>> use(std::uint64_t id);
    void remove(std::uint64_t id);
    // Lets go of those whose lease is over; to be called now and then. Returns how many.
    std::size_t expire();
    std::size_t size() const;

  private:
    struct Entry {
        std::shared_ptr<const QueryView> view;
        std::chrono::milliseconds lease;
        Clock::time_point ends;
    };
    std::vector<Entry> take_expired();  // with mutex_ held; destroyed by the caller outside

    const std::size_t views_max_;
    const std::function<Clock::time_point()> now_;
    mutable std::mutex mutex_;
    std::random_device random_;
    std::map<std::uint64_t, Entry> entries_;
};

}  // namespace dl::slave
