// The tables of a pin as they are sent: with the leader epochs of now. Pure but for the look into the routes.
#pragma once

#include <vector>

#include "common/rpc/messages/query_messages.h"
#include "master/routing/route_table.h"
#include "master/sql/fragment_runner.h"

namespace dl::master {

// UNAVAILABLE for a partition without a leader, TABLE_NOT_FOUND for a table that was dropped meanwhile.
Result<std::vector<rpc::PinTable>> tables_to_pin(const RouteTable& routes, const FragmentPin& pin);

}  // namespace dl::master
