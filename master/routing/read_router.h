// Reads of the log: stream_read, long polls, offsets; fanned out to the slaves that lead the partitions.
// Coroutines run on the caller's executor; thread-safe. Cancelling a coroutine closes its connections, which
// ends the work on the slaves.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/base/shared_bytes.h"
#include "common/rpc/messages/read_messages.h"
#include "master/catalog/catalog_cache.h"
#include "master/routing/offsets.h"
#include "master/routing/partition_caller.h"

namespace dl::master {

// Of the partitions of a table.
struct TableOffsets {
    OffsetMap first;  // of the oldest stored record
    OffsetMap end;    // of the next record
};

class ReadRouter {
  public:
    // Takes one frame as the client gets it; completes when there is room for the next.
    using FrameSink = std::function<boost::asio::awaitable<Result<void>>(SharedBytes frame)>;

    explicit ReadRouter(const PartitionCaller& caller) : caller_(caller) {}

    // Passes the frames on slave by slave as they come; one frame a slave is in memory. What became of each
    // partition asked for, in the order of `from`: where to go on, and why it ended early. A partition that
    // fails does not end the others. The error is that of the sink. `format` is "rows", "json" or "columnar".
    boost::asio::awaitable<Result<std::vector<rpc::ReadResult>>> read(TablePtr table, OffsetMap from,
                                                                      std::uint64_t read_count,
                                                                      std::string format,
                                                                      std::size_t bytes_max, FrameSink sink,
                                                                      rpc::Deadline deadline);
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

  private:
    boost::asio::awaitable<Result<TableOffsets>> offsets_of(TablePtr table,
                                                            std::vector<PartitionId> partitions,
                                                            rpc::Deadline deadline);
    // Those of `offsets` that are not reached now.
    boost::asio::awaitable<Result<OffsetMap>> not_reached(TablePtr table, OffsetMap offsets,
                                                          rpc::Deadline deadline);

    const PartitionCaller& caller_;
};

// The same in one: the next offset of each partition, or an error that names those that failed and says where
// to go on.
Result<OffsetMap> read_outcome(const TableMeta& table, const std::vector<rpc::ReadResult>& results);

}  // namespace dl::master
