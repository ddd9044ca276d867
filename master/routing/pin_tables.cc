#include "master/routing/pin_tables.h"

#include <utility>

namespace dl::master {

std::vector<PinTable> to_pin_tables(const FragmentPin& pin) {
    std::vector<PinTable> tables;
    for (const auto& table : pin.tables) {
        PinTable pin_table{table.id,    table.meta ? table.meta->schema.id : SchemaId{},
                           {},          table.min_offsets,
                           table.as_of, table.keys};
        for (const auto partition : table.partitions)
            pin_table.partitions.push_back(partition.value);
        tables.push_back(std::move(pin_table));
    }
    return tables;
}

PinnedFragment to_pinned(const std::string& node, PinReply reply) {
    PinnedFragment pinned;
    pinned.node = node;
    pinned.view = reply.view;
    pinned.offsets = std::move(reply.offsets);
    pinned.behind = std::move(reply.behind);
    pinned.rows = std::move(reply.rows);
    return pinned;
}

}  // namespace dl::master
