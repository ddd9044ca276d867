// The plainest lookups by key (common/duck/point_select.h) that one slave answers alone, planned without a
// parser and without blocking: what QueryCoordinator comes to for such a statement, on the session's thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "master/sql/query_coordinator.h"

namespace dl::master {

struct PointPlan {
    std::string table;  // name in the statement
    FragmentPin pin;    // of the one slave; has one table
};

// nullopt: a statement of another kind, one for several slaves, one that wants a cut other than that of now
// (it may wait for it), or one that is wrong; QueryCoordinator runs it, or says what is wrong. `lookup`
// and `leader_of` must not block.
std::optional<PointPlan> plan_point_query(std::string_view sql, const TableLookup& lookup,
                                          const LeaderLookup& leader_of, const CutOptions& cut);

}  // namespace dl::master
