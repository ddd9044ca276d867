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
            part.leader_epoch = route.epoch;
        }
    }
    return tables;
}

}  // namespace dl::master
