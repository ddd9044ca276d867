// The tables of a pin as they are sent: with the leader epochs of now. Pure but for the look into the routes.
#pragma once

#include <vector>

#include "common/rpc/messages/query_messages.h"
#include "master/routing/led_attempt.h"
#include "master/routing/route_table.h"
#include "master/sql/fragment_runner.h"

namespace dl::master {

// UNAVAILABLE for a partition without a leader, TABLE_NOT_FOUND for a table that was dropped meanwhile.
// NOT_LEADER for one that another slave leads now.
Result<std::vector<rpc::PinTable>> tables_to_pin(const RouteTable& routes, const FragmentPin& pin);
// Whom a pin that was made so asks for what; empty when none of it has copies.
std::vector<LedPartition> led_by_pin(const RouteTable& routes, const FragmentPin& pin,
                                     const std::vector<rpc::PinTable>& tables, NodeId node);

// The same of a view that was pinned, at a copy that need not lead if `any`: in the epochs of now.
std::vector<LedPartition> led_by_cut(const RouteTable& routes, const rpc::Cut& cut, NodeId node, bool any);

}  // namespace dl::master
