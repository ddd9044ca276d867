#include "master/routing/pin_routes.h"

namespace dl::master {

Result<std::vector<rpc::PinTable>> tables_to_pin(const RouteTable& routes, const FragmentPin& pin) {
    std::vector<rpc::PinTable> tables;
    tables.reserve(pin.tables.size());
    for (const auto& table : pin.tables) {
        auto& asked = tables.emplace_back(table.asked);
        const auto led = routes.of(*table.meta);
        for (auto& part : asked.partitions) {
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
            led.push_back({meta->id, part.partition, node, part.leader_epoch});
    }
    return led;
}

std::vector<LedPartition> led_by_cut(const RouteTable& routes, const rpc::Cut& cut, NodeId node) {
    std::vector<LedPartition> led;
    for (const auto& seen : cut) {
        const auto placement = routes.catalog().placement(seen.table);
        if (placement == nullptr || !has_copies(*placement)) continue;
        for (const auto& part : seen.partitions) {
            if (part.partition.value >= placement->partitions.size()) continue;
            led.push_back(
                {seen.table, part.partition, node, placement->partitions[part.partition.value].leader_epoch});
        }
    }
    return led;
}

}  // namespace dl::master
