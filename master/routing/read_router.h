// Reads of the log: stream_read, long polls, offsets; fanned out to the slaves that lead the partitions.
// Coroutines run on the caller's executor; thread-safe. Cancelling a coroutine closes its connections, which
// ends the work on the slaves.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/base/shared_bytes.h"
#include "common/rpc/messages/read_messages.h"
#include "master/catalog/catalog_cache.h"
#include "master/routing/any_copy.h"
#include "master/routing/offsets.h"
#include "master/routing/partition_caller.h"

namespace dl::master {

// Of the partitions of a table.
struct TableOffsets {
    OffsetMap first;    // of the oldest stored record
    OffsetMap history;  // from here on every record is stored
    OffsetMap end;      // of the next record
    OffsetMap since;    // of the first record appended at the time asked for or later; empty: none was
};

class ReadRouter {
  public:
    // Takes one frame as the client gets it; completes when there is room for the next.
    using FrameSink = std::function<boost::asio::awaitable<Result<void>>(SharedBytes frame)>;

    explicit ReadRouter(const PartitionCaller& caller) : caller_(caller) {}

    // What a read asks for. `format` is "rows", "json" or "columnar"; `read_count` is of each partition;
    // `check_end`: a position beyond the end of its partition is OFFSET_OUT_OF_RANGE.
    struct Wanted {
        OffsetMap from;
        std::uint64_t read_count = 1;
        std::string format;
        std::size_t bytes_max = 0;
        bool check_end = false;
        // Set: partitions are read from copies in sync, as long as those show all below the position and
        // below `least`; else from who leads, of which it is known.
        const AnyCopyReads* any = nullptr;
        OffsetMap least = {};
    };
    // Passes the frames on slave by slave as they come; one frame a slave is in memory. What became of each
    // partition asked for, in the order of `from`: where to go on, and why it ended early. A partition that
    // fails does not end the others. The error is that of the sink.
    boost::asio::awaitable<Result<std::vector<rpc::ReadResult>>> read(TablePtr table, Wanted wanted,
                                                                      FrameSink sink, rpc::Deadline deadline);
    // Waits until `min_rows` records at or after the offsets are there, all partitions together, or until
    // `until`. OFFSET_OUT_OF_RANGE at once, when `check_end` and a position lies beyond its partition's end.
    boost::asio::awaitable<Result<void>> wait_for_rows(TablePtr table, OffsetMap from, std::uint64_t min_rows,
                                                       bool check_end, rpc::Deadline until);
    // Waits until the next offset of every partition named is at least the one given; TIMEOUT names those
    // missing.
    boost::asio::awaitable<Result<void>> wait_for_offsets(TablePtr table, OffsetMap min_offsets,
                                                          rpc::Deadline deadline);
    // Of every partition of the table; `since_us`, microseconds UTC: looks for records of that time, too.
    boost::asio::awaitable<Result<TableOffsets>> offsets(TablePtr table, rpc::Deadline deadline,
                                                         std::optional<std::int64_t> since_us = std::nullopt);
    // Where the records of these partitions begin that were appended at that time or later.
    boost::asio::awaitable<Result<OffsetMap>> offsets_since(TablePtr table,
                                                            std::vector<PartitionId> partitions,
                                                            std::int64_t since_us, rpc::Deadline deadline);

  private:
    boost::asio::awaitable<Result<TableOffsets>> offsets_of(TablePtr table,
                                                            std::vector<PartitionId> partitions,
                                                            std::optional<std::int64_t> since_us,
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
