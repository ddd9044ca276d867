// What is to be pinned, found on this node, as the requests pin and query carry it.
#pragma once

#include <chrono>
#include <vector>

#include "slave/handlers/handler_context.h"
#include "slave/stream/record_waiter.h"

namespace dl::slave {

struct PinTarget {
    std::vector<TableToPin> tables;
    std::vector<WaitPosition> awaited;
    bool follows = false;  // a copy that does not lead is to be read
    bool past = false;     // names cuts of the past: pinning blocks
    std::vector<std::pair<rpc::TableRef, std::shared_ptr<WaitList>>> drops;  // of those awaited
};

// How long a copy that does not lead is given to come to an offset before another one is asked.
inline constexpr std::chrono::milliseconds kCopyPatience{500};

// SCHEMA_MISMATCH when the sender knows a newer schema, NOT_LEADER when another epoch.
Result<PinTarget> find_pin_target(HandlerContext& context, const std::vector<rpc::PinTable>& tables);

// Until the offsets asked for are visible; the sender's own deadline comes first: it closes the connection.
// TABLE_NOT_FOUND when a table is dropped meanwhile, NOT_LEADER when a copy that does not lead has not come
// to them in kCopyPatience.
boost::asio::awaitable<Result<void>> wait_for_pin(PinTarget& target);

}  // namespace dl::slave
