// One try at the leader of partitions with copies, which ends when another leads them: a slave that hangs, or
// that cannot be reached any more, answers nothing, and who waits for it would wait for the whole deadline.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <vector>

#include "common/async/run_all.h"
#include "master/routing/route_table.h"

namespace dl::master {

// What a request was sent to.
struct LedPartition {
    TableId table;
    PartitionId partition;
    NodeId node;
    LeaderEpoch epoch;
    bool any = false;  // a copy in sync was asked, which need not lead
};

// Whether the catalog still says so of all of them.
bool still_led(const RouteTable& routes, const std::vector<LedPartition>& partitions);

// Runs `attempt`, alone when there is nothing to look after; true when it was cancelled because somebody else
// leads one of the partitions.
boost::asio::awaitable<bool> run_while_led(const RouteTable& routes, std::vector<LedPartition> partitions,
                                           Task attempt);

}  // namespace dl::master
