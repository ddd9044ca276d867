// What insert, batch_insert, the binary batch and the insert and delete of sql share: parse off the net pool,
// check whole, append, acknowledge.
#pragma once

#include <functional>

#include "master/handlers/statement.h"
#include "master/routing/partitioned_batch.h"

namespace dl::master {

using RowParser = std::function<Result<PartitionedBatch>(const TableMeta& table)>;

// `input_bytes`: size of what is parsed; small inputs are parsed at once on the session's thread. `parse`
// runs before this completes and not after.
boost::asio::awaitable<Result<void>> append_rows(Services& services, Statement& statement, ClientReply& reply,
                                                 TablePtr table, std::size_t input_bytes, RowParser parse);

}  // namespace dl::master
