#include "master/sql/query_planner.h"

#include <algorithm>

#include "master/sql/cut_check.h"

namespace dl::master {

namespace {

std::string counted(std::size_t count, const std::string& what) {
    return std::to_string(count) + ' ' + what + (count == 1 ? "" : "s");
}

// "1 key, partition 3 on slave a:1"
std::string describe_lookup(const QueryPlan& plan, const std::string& table, const KeyLookup& lookup) {
    std::string text = counted(lookup.keys.size(), "key");
    for (const auto position : plan.pins_of.at(table)) {
        const auto& pin = plan.pins[position];
        for (const auto& share : pin.tables) {
            if (share.meta->name != table) continue;
            const auto& parts = share.asked.partitions;
            text += parts.size() == 1 ? ", partition" : ", partitions";
            for (const auto& part : parts)
                text += ' ' + std::to_string(part.partition.value);
        }
        text += " on slave " + pin.node;
    }
    return text;
}

Result<void> check_partition(const TableMeta& meta, std::uint32_t partition, std::string_view option) {
    if (partition < meta.partition_count) return {};
    return make_error(ErrorCode::partition_not_found, std::string(option) + " names partition " +
                                                          std::to_string(partition) + ", but table '" +
                                                          meta.name + "' has partitions 0 to " +
                                                          std::to_string(meta.partition_count - 1));
}

}  // namespace

Result<void> check_cut(const QueryTables& tables, const CutOptions& cut) {
    if (cut.min_offsets.empty() && !cut.as_of) return {};
    if (!cut.min_offsets.empty() && cut.as_of)
        return make_error(ErrorCode::invalid_request,
                          "as_of fixes the cut and min_offsets asks for a newer one; give one of them");
    if (tables.size() != 1) {
        return make_error(ErrorCode::invalid_request,
                          std::string(cut.as_of ? "as_of" : "min_offsets") +
                              " is for a query of exactly one table, this one uses " +
                              std::to_string(tables.size()));
    }
    const auto& meta = *tables.begin()->second;
    for (const auto& entry : cut.min_offsets)
        DL_TRY(check_partition(meta, entry.first, "min_offsets"));
    if (!cut.as_of) return {};
    for (const auto& entry : *cut.as_of)
        DL_TRY(check_partition(meta, entry.first, "as_of"));
    std::string missing;
    for (std::uint32_t p = 0; p < meta.partition_count; ++p)
        if (!cut.as_of->contains(p)) missing += (missing.empty() ? "" : ", ") + std::to_string(p);
    if (missing.empty()) return {};
    return make_error(ErrorCode::invalid_request,
                      "as_of must name every partition of table '" + meta.name + "'; it lacks " + missing);
}

std::string QueryPlan::describe() const {
    std::string found;
    for (const auto& [table, lookup] : lookups)
        found += (found.empty() ? "key index: " : "; ") + (pins_of.size() == 1 ? "" : table + ": ") +
                 describe_lookup(*this, table, lookup);
    switch (way) {
        case Way::local:
            return "on the master, no tables";
        case Way::whole:
            if (lookups.size() == pins_of.size()) return found;
            return "whole statement on slave " + pins.front().node + (found.empty() ? "" : "; " + found);
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
    return text + (found.empty() ? "" : "; " + found);
}

Result<QueryPlan> plan_query(const QueryTables& tables, const LeaderLookup& leader_of, const CutOptions& cut,
                             KeyLookups lookups) {
    DL_TRY(check_cut(tables, cut));
    QueryPlan plan;
    plan.lookups = std::move(lookups);
    std::map<std::string, std::size_t> by_node;
    for (const auto& [name, meta] : tables) {
        const auto lookup = plan.lookups.find(name);
        std::map<std::size_t, FragmentPin::Table> shares;
        for (std::uint32_t p = 0; p < meta->partition_count; ++p) {
            const auto wanted = cut.min_offsets.find(p);
            if (lookup != plan.lookups.end() && wanted == cut.min_offsets.end() &&
                !std::binary_search(lookup->second.partitions.begin(), lookup->second.partitions.end(),
                                    PartitionId{p}))
                continue;
            DL_TRY_ASSIGN(auto leader, leader_of(*meta, PartitionId{p}));
            const auto [entry, fresh] = by_node.try_emplace(leader, plan.pins.size());
            if (fresh) plan.pins.push_back({std::move(leader), {}});
            auto& share = shares[entry->second];
            share.meta = meta;
            auto& part = share.asked.partitions.emplace_back();
            part.partition = PartitionId{p};
            if (wanted != cut.min_offsets.end()) part.min_offset = wanted->second;
            if (cut.as_of) part.as_of = cut.as_of->at(p);
        }
        for (auto& [position, share] : shares) {
            share.asked.table = rpc::table_ref(*meta);
            share.asked.schema = meta->schema.id;
            if (lookup != plan.lookups.end()) share.asked.keys = lookup->second.keys;
            plan.pins[position].tables.push_back(std::move(share));
            plan.pins_of[name].push_back(position);
        }
    }
    if (!tables.empty()) plan.way = plan.pins.size() == 1 ? QueryPlan::Way::whole : QueryPlan::Way::merge;
    return plan;
}

}  // namespace dl::master
