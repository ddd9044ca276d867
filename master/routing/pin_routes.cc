#include "master/routing/pin_routes.h"

namespace dl::master {
namespace {

// Of a partition of which a copy in sync is there.
Result<LeaderEpoch> epoch_at_copy(const RouteTable& routes, const TableMeta& table, PartitionId partition,
                                  const std::string& address) {
    DL_TRY_ASSIGN(const auto route, routes.at_address(address));
    const auto placement = routes.catalog().placement(table.id);
    if (placement == nullptr || partition.value >= placement->partitions.size())
        return make_error(ErrorCode::table_not_found, "table '" + table.name + "' was dropped meanwhile");
    const auto& placed = placement->partitions[partition.value];
    if (!is_in_sync(placed, route.node))
        return make_error(ErrorCode::not_leader, "slave " + address + " has no copy in sync of partition " +
                                                     std::to_string(partition.value) + " of table '" +
                                                     table.name + "' any more");
    return placed.leader_epoch;
}

}  // namespace

Result<std::vector<rpc::PinTable>> tables_to_pin(const RouteTable& routes, const FragmentPin& pin) {
    std::vector<rpc::PinTable> tables;
    tables.reserve(pin.tables.size());
    for (const auto& table : pin.tables) {
        auto& asked = tables.emplace_back(table.asked);
        const auto led = routes.of(*table.meta);
        for (auto& part : asked.partitions) {
            if (asked.any) {
                DL_TRY_ASSIGN(part.leader_epoch,
                              epoch_at_copy(routes, *table.meta, part.partition, pin.node));
                continue;
            }
            DL_TRY_ASSIGN(const auto route, led.find(part.partition));
            if (route.address != pin.node)
                return make_error(ErrorCode::not_leader, "slave " + pin.node + " does not lead partition " +
                                                             std::to_string(part.partition.value) +
                                                             " of table '" + table.meta->name + "' any more");
            part.leader_epoch = route.epoch;
        }
    }
    return tables;
}

std::vector<LedPartition> led_by_pin(const RouteTable& routes, const FragmentPin& pin,
                                     const std::vector<rpc::PinTable>& tables, NodeId node) {
    std::vector<LedPartition> led;
    for (std::size_t i = 0; i < tables.size(); ++i) {
        const auto& meta = pin.tables[i].meta;
        const auto placement = routes.catalog().placement(meta->id);
        if (placement == nullptr || !has_copies(*placement)) continue;
        for (const auto& part : tables[i].partitions)
            led.push_back({meta->id, part.partition, node, part.leader_epoch, tables[i].any});
    }
    return led;
}

std::vector<LedPartition> led_by_cut(const RouteTable& routes, const rpc::Cut& cut, NodeId node, bool any) {
    std::vector<LedPartition> led;
    for (const auto& seen : cut) {
        const auto placement = routes.catalog().placement(seen.table);
        if (placement == nullptr || !has_copies(*placement)) continue;
        for (const auto& part : seen.partitions) {
            if (part.partition.value >= placement->partitions.size()) continue;
            led.push_back({seen.table, part.partition, node,
                           placement->partitions[part.partition.value].leader_epoch, any});
        }
    }
    return led;
}

}  // namespace dl::master
