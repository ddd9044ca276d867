// Orders about single copies that more than one statement gives. Coroutines on the caller's executor.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "master/control/copy_control.h"
#include "master/execution/services.h"

namespace dl::master {

// The copy on `slave` leaves all sets, is set aside and made anew from the files of the one that leads; the
// answer comes before that is done. INVALID_REQUEST says why it may not be.
boost::asio::awaitable<Result<void>> refill_copy(Services& services, TablePtr table, PartitionId partition,
                                                 NodeView slave, rpc::Deadline deadline);
// Why refill_copy() would refuse; nullopt: it would not.
std::optional<Error> refill_refused(const TableMeta& table, PartitionId partition,
                                    const PartitionPlacement& placed, const NodeView& slave);
// The copy on `slave`, which is in sync, leads from now on.
boost::asio::awaitable<Result<void>> lead_by(Services& services, TablePtr table, PartitionId partition,
                                             NodeView slave);

}  // namespace dl::master
