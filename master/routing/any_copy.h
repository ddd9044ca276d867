// Reads that any copy in sync may answer (`"read":"any"`): which copy a connection reads from, and that it
// never sees time go back.
//
// A connection reads a partition from the same copy as long as the in-sync set is the same; connections are
// spread over the copies. What it has seen of each partition is carried from query to query: a copy that is
// not as far is given a moment, then the leader is asked, which shows all that any copy has shown. Stream
// reads carry their own offsets. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/rpc/messages/query_messages.h"
#include "master/routing/partition_caller.h"
#include "master/sql/fragment_runner.h"

namespace dl::master {

// Of one connection.
class AnyCopyReads {
  public:
    AnyCopyReads();
    // nullopt: read from the leader. That is so for one copy, without a leader, and once more has been seen
    // than is kept (kSeenMax).
    std::optional<Route> copy_of(const RouteTable& routes, const TableMeta& table,
                                 PartitionId partition) const;
    std::optional<Offset> seen(TableId table, PartitionId partition) const;
    // `from_leaders`: that is how far the partitions are, also where more has been seen (a copy that lacked
    // records was elected by order).
    void saw(const rpc::Cut& cut, bool from_leaders);

  private:
    static constexpr std::size_t kSeenMax = 65'536;
    const std::uint64_t spread_;  // which of the copies: one connection after the other takes the next
    mutable std::mutex mutex_;
    std::map<std::pair<TableId, PartitionId>, Offset> seen_;
    bool full_ = false;
};

// Of one query: asks copies instead of leaders. After an error that may be that of a copy alone it asks
// leaders only, and the error says that the query is to be planned again (NOT_LEADER).
class AnyCopyRunner final : public FragmentRunner {
  public:
    // All outlive it.
    AnyCopyRunner(FragmentRunner& runner, const RouteTable& routes, AnyCopyReads& reads)
        : runner_(runner), routes_(routes), reads_(reads) {}

    Result<std::string> leader_of(const TableMeta& table, PartitionId partition) const override;
    Result<std::vector<PinnedFragment>> pin(const std::vector<FragmentPin>& pins,
                                            std::chrono::milliseconds lease,
                                            const FragmentCall& call) override;
    Result<std::unique_ptr<FragmentStream>> query(const PinnedFragment& pinned,
                                                  const FragmentStatement& statement,
                                                  const FragmentCall& call) override;
    Result<PinnedStream> pin_and_query(const FragmentPin& pin, const std::string& sql,
                                       const std::map<std::string, TableId>& names,
                                       const FragmentCall& call) override;
    void unpin(const std::vector<PinnedFragment>& pinned) override { runner_.unpin(pinned); }

  private:
    class Stream;
    FragmentPin of_any(FragmentPin pin) const;
    Error failed(Error error);

    FragmentRunner& runner_;
    const RouteTable& routes_;
    AnyCopyReads& reads_;
    std::atomic<bool> leaders_only_{false};
};

}  // namespace dl::master
