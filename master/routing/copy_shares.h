// Who else holds the partitions of a table: copies in sync beside those that lead. Pure but for the look into
// the routes.
#pragma once

#include <vector>

#include "master/routing/route_table.h"

namespace dl::master {

struct CopyShare {
    Route route;
    std::vector<PartitionId> partitions;
};
// By slave; those that are not configured any more are left out.
std::vector<CopyShare> follower_shares(const RouteTable& routes, const TableMeta& table);

}  // namespace dl::master
