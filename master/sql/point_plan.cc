#include "master/sql/point_plan.h"

#include <utility>

#include "master/sql/key_lookup.h"

namespace dl::master {

std::optional<PointPlan> plan_point_query(std::string_view sql, const TableLookup& lookup,
                                          const LeaderLookup& leader_of, const CutOptions& cut) {
    if (!cut.min_offsets.empty() || cut.as_of) return std::nullopt;
    auto found = find_point(sql, lookup);
    if (!found) return std::nullopt;
    KeyLookups lookups;
    const auto name = found->table->name;
    lookups.emplace(name, std::move(found->keys));
    auto plan = plan_query({{name, std::move(found->table)}}, leader_of, cut, std::move(lookups));
    if (!plan || plan->way != QueryPlan::Way::whole) return std::nullopt;
    return PointPlan{name, std::move(plan->pins.front())};
}

}  // namespace dl::master
