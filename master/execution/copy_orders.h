// Orders about single copies that more than one statement gives. Coroutines on the caller's executor.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "master/control/copy_control.h"
#include "master/control/copy_progress.h"
#include "master/execution/services.h"

namespace dl::master {

// Of all slaves that are known; none without CopyControl.
std::vector<NodeView> known_nodes(const Services& services);
// What the slaves that answer say of their copies, in time for people.
boost::asio::awaitable<CopyProgress> ask_progress(Services& services, const std::vector<NodeView>& nodes,
                                                  rpc::Deadline deadline);

// The copy on `slave` is closed, leaves all sets, is set aside and made anew from the files of the one that
// leads; the answer comes when it is closed. `progress`: what the slaves said a moment ago. INVALID_REQUEST
// says why it may not be: also while another order has yet to show in the catalog.
boost::asio::awaitable<Result<void>> refill_copy(Services& services, TablePtr table, PartitionId partition,
                                                 NodeView slave, const CopyProgress& progress,
                                                 rpc::Deadline deadline);
// After refill_copy(): until the catalog has the copies of these partitions on `node` out of their in-sync
// sets, for a few seconds at most.
boost::asio::awaitable<void> wait_given_up(Services& services, TableId table,
                                           std::vector<PartitionId> partitions, NodeId node,
                                           rpc::Deadline deadline);
// The copy on `slave`, which is in sync, leads from now on.
boost::asio::awaitable<Result<void>> lead_by(Services& services, TablePtr table, PartitionId partition,
                                             NodeView slave);

}  // namespace dl::master
