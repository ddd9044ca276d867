#include "master/execution/table_id.h"

#include "master/control/held_tables.h"

namespace dl::master {

std::string table_id_text(const TableMeta& table) {
    return orphan_name(table.incarnation);
}

Result<void> check_table_id(const TableMeta& table, std::string_view named) {
    const auto known = table_id_text(table);
    if (named.empty() || named == known) return {};
    return make_error(ErrorCode::offset_out_of_range,
                      "the positions are of a table '" + table.name + "' with the id '" +
                          std::string(named.substr(0, 64)) + "', the table of that name now has the id '" +
                          known + "': it was dropped and created again; begin anew without positions");
}

}  // namespace dl::master
