#include "master/sql/point_plan.h"

#include <utility>

#include "master/sql/key_lookup.h"

namespace dl::master {

std::optional<PointPlan> plan_point_query(std::string_view sql, const TableLookup& lookup,
                                          const LeaderLookup& leader_of, const CutOptions& cut) {
    if (!cut.min_offsets.empty() || cut.as_of) return std::nullopt;
    const auto point = parse_point_select(sql);
    if (!point) return std::nullopt;
    auto table = lookup(point->table);
    if (!table) return std::nullopt;
    auto found = point_lookup(*point, **table);
    if (!found) return std::nullopt;
    KeyLookups lookups;
    lookups.emplace(point->table, std::move(*found));
    auto plan = plan_query({{point->table, std::move(*table)}}, leader_of, cut, std::move(lookups));
    if (!plan || plan->way != QueryPlan::Way::whole) return std::nullopt;
    return PointPlan{point->table, std::move(plan->pins.front())};
}

}  // namespace dl::master
