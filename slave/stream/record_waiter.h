// Waiting until a number of records is visible beyond given offsets of several partitions: the long poll.
// Costs one timer and one subscription a partition while it waits; no thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "slave/partition/partition.h"
#include "slave/partition/wait_list.h"

namespace dl::slave {

struct WaitPosition {
    std::shared_ptr<Partition> partition;
    Offset from = 0;
};

// Records visible at or behind the positions; compacted ones are counted as if they were there.
std::uint64_t available_records(const std::vector<WaitPosition>& positions);

// Returns the number available: at least `rows_min`, or fewer at the deadline, when cancelled, or when one of
// `ends` (never null) has passed 0: there is nothing more to wait for.
boost::asio::awaitable<std::uint64_t> wait_for_records(std::vector<WaitPosition> positions,
                                                       std::uint64_t rows_min,
                                                       std::chrono::steady_clock::time_point deadline,
                                                       std::vector<std::shared_ptr<WaitList>> ends);

// Until every partition's end_offset() has reached its position's offset; false at the deadline, when
// cancelled or when one of `ends` has passed 0.
boost::asio::awaitable<bool> wait_for_offsets(std::vector<WaitPosition> positions,
                                              std::chrono::steady_clock::time_point deadline,
                                              std::vector<std::shared_ptr<WaitList>> ends);

}  // namespace dl::slave
