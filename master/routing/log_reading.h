// One stream_read of the slaves that hold its partitions: opened on all of them at once, passed on one after
// the other. Coroutines of one request; not thread-safe.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "master/routing/led_attempt.h"
#include "master/routing/read_router.h"

namespace dl::master {

// Where a share is to be read, or waited at, from.
std::vector<rpc::PartitionPosition> positions(const SlaveShare& share, const OffsetMap& from);

class LogReading {
  public:
    // `routes` and `wanted` outlive it.
    LogReading(const RouteTable& routes, TablePtr table, const ReadRouter::Wanted& wanted);

    // Opens the read of one share and waits for its first frame. `any`: of copies that need not lead.
    boost::asio::awaitable<Result<void>> open(const SlaveShare& share, rpc::CallTrace& trace,
                                              std::size_t bytes_max, rpc::Deadline deadline,
                                              bool any = false);
    // Opens reads of copies that need not lead; gives the partitions that are left to those that lead:
    // whatever the reason is that a copy does not answer, it is theirs.
    boost::asio::awaitable<std::vector<PartitionId>> open_copies(std::size_t bytes_each,
                                                                 rpc::Deadline deadline);
    void failed(const std::vector<PartitionId>& partitions, const Error& error);
    // Passes on what the slaves send, one after the other. The error is that of the sink.
    boost::asio::awaitable<Result<void>> pass_on(const ReadRouter::FrameSink& sink, rpc::Deadline deadline);
    // Partitions of which a copy that need not lead sent an error alone. Asks once.
    std::vector<PartitionId> take_unread();
    std::vector<rpc::ReadResult> results() &&;

  private:
    struct OpenRead {
        std::vector<PartitionId> partitions;
        std::unique_ptr<rpc::RpcStream> stream;
        std::optional<SharedBytes> first;  // nullopt: it has ended
        std::vector<LedPartition> led;     // empty: there are no copies
        bool any = false;                  // of copies that need not lead
    };

    boost::asio::awaitable<void> open_copy(const SlaveShare& share, std::size_t bytes_max,
                                           rpc::Deadline deadline, std::vector<PartitionId>& left);
    boost::asio::awaitable<Result<void>> pass_on(OpenRead& open, const ReadRouter::FrameSink& sink,
                                                 rpc::Deadline deadline);

    const RouteTable& routes_;
    const TablePtr table_;
    const ReadRouter::Wanted& wanted_;
    std::map<PartitionId, OpenRead> streams_;  // by the first of their partitions
    std::map<std::uint32_t, rpc::ReadResult> results_;
    std::vector<PartitionId> unread_;
};

}  // namespace dl::master
