#include "master/sql/query_planner.h"

namespace dl::master {

std::string QueryPlan::describe() const {
    switch (way) {
        case Way::local:
            return "on the master, no tables";
        case Way::whole:
            return "whole statement on slave " + pins.front().node;
        case Way::merge:
            break;
    }
    std::string text = "merged on the master:";
    for (const auto& [table, positions] : pins_of) {
        text += " " + table + " from";
        for (const auto position : positions)
            text += " " + pins[position].node;
        text += ";";
    }
    text.pop_back();
    return text;
}

Result<QueryPlan> plan_query(const QueryTables& tables, const std::map<std::uint32_t, Offset>& min_offsets) {
    if (!min_offsets.empty() && tables.size() != 1) {
        return make_error(ErrorCode::invalid_request,
                          "min_offsets is for a query of exactly one table, this one uses " +
                              std::to_string(tables.size()));
    }
    for (const auto& [partition, offset] : min_offsets) {
        const auto& meta = *tables.begin()->second;
        if (partition >= meta.partition_count) {
            return make_error(ErrorCode::partition_not_found,
                              "min_offsets names partition " + std::to_string(partition) + ", but table '" +
                                  meta.name + "' has partitions 0 to " +
                                  std::to_string(meta.partition_count - 1));
        }
    }
    QueryPlan plan;
    std::map<std::string, std::size_t> by_node;
    for (const auto& [name, meta] : tables) {
        std::map<std::size_t, FragmentPin::Table> shares;
        for (std::uint32_t p = 0; p < meta->partition_count; ++p) {
            if (p >= meta->partitions.size() || meta->partitions[p].leader.empty()) {
                return make_error(ErrorCode::unavailable, "partition " + std::to_string(p) + " of table '" +
                                                              name + "' is on no slave");
            }
            const auto [entry, fresh] = by_node.try_emplace(meta->partitions[p].leader, plan.pins.size());
            if (fresh) plan.pins.push_back({meta->partitions[p].leader, {}});
            auto& share = shares[entry->second];
            share.id = meta->id;
            share.meta = meta;
            share.partitions.push_back(PartitionId{p});
            if (const auto wanted = min_offsets.find(p); wanted != min_offsets.end())
                share.min_offsets.insert(*wanted);
        }
        for (auto& [position, share] : shares) {
            plan.pins[position].tables.push_back(std::move(share));
            plan.pins_of[name].push_back(position);
        }
    }
    if (!tables.empty()) plan.way = plan.pins.size() == 1 ? QueryPlan::Way::whole : QueryPlan::Way::merge;
    return plan;
}

}  // namespace dl::master
