// Reads of the log: stream_read, long polls, offsets, compaction; fanned out to the slaves that lead the
// partitions. Coroutines run on the caller's executor; thread-safe. Cancelling a coroutine closes its
// connections, which ends the work on the slaves.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/base/shared_bytes.h"
#include "common/rpc/messages/upkeep_messages.h"
#include "common/rpc/rpc_client.h"
#include "master/catalog/catalog_cache.h"
#include "master/routing/offsets.h"
#include "master/routing/route_table.h"

namespace dl::master {

using rpc::CompressProgress;

// Of the partitions of a table.
struct TableOffsets {
    OffsetMap first;  // of the oldest stored record
    OffsetMap end;    // of the next record
};

class ReadRouter {
  public:
    // Takes one frame as the client gets it; completes when there is room for the next.
    using FrameSink = std::function<boost::asio::awaitable<Result<void>>(SharedBytes frame)>;

    using RowSink = std::function<boost::asio::awaitable<Result<void>>(std::string row)>;

    explicit ReadRouter(const RouteTable& routes) : routes_(routes) {}

    // Passes the frames on slave by slave as they come; one frame a slave is in memory. Returns the next
    // offset of each partition asked for. `format` is "rows", "json" or "columnar".
    boost::asio::awaitable<Result<OffsetMap>> read(TablePtr table, OffsetMap from, std::uint64_t read_count,
                                                   std::string_view format, std::size_t bytes_max,
                                                   FrameSink sink, rpc::Deadline deadline);
    // Waits until `min_rows` records at or after the offsets are there, all partitions together, or until
    // `until`.
    boost::asio::awaitable<Result<void>> wait_for_rows(TablePtr table, OffsetMap from, std::uint64_t min_rows,
                                                       rpc::Deadline until);
    // Waits until the next offset of every partition named is at least the one given; TIMEOUT names those
    // missing.
    boost::asio::awaitable<Result<void>> wait_for_offsets(TablePtr table, OffsetMap min_offsets,
                                                          rpc::Deadline deadline);
    // First stored and next offset of every partition of the table.
    boost::asio::awaitable<Result<TableOffsets>> offsets(TablePtr table, rpc::Deadline deadline);
    // Completes when every partition is compacted. `progress` (may be empty) gets the sum over all slaves now
    // and then, one call at a time, and once at the end; when it fails it is not called again.
    using ProgressSink = std::function<boost::asio::awaitable<Result<void>>(CompressProgress now)>;
    boost::asio::awaitable<Result<void>> compress(TablePtr table, rpc::Deadline deadline,
                                                  ProgressSink progress);
    // Passes the row of each partition on, ordered by the address of the slave and the partition; all slaves
    // work at once.
    boost::asio::awaitable<Result<void>> check(TablePtr table, bool repair, RowSink sink,
                                               rpc::Deadline deadline);

  private:
    const RouteTable& routes_;
};

}  // namespace dl::master
