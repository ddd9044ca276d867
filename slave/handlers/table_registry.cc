#include "slave/handlers/table_registry.h"

namespace dl::slave {

Result<void> check_incarnation(const TableMeta& here, std::uint64_t asked, std::string_view name) {
    if (here.incarnation == asked) return {};
    const auto wanted = name.empty() ? std::string("a table") : "table '" + std::string(name) + "'";
    return make_error(
        ErrorCode::corrupt_data,
        "the slave holds another table '" + here.name + "' where the master's catalog has " + wanted +
            "; catalog and slaves are not of one time: restore the catalog that fits the slaves, "
            "see show orphans, or drop the table and create it anew");
}

Error foreign_schema(const TableMeta& here) {
    return make_error(ErrorCode::corrupt_data,
                      "the slave holds other columns of table '" + here.name +
                          "', or another hash seed, than the master's catalog: the table was altered by a "
                          "master on another "
                          "copy of the catalog; nothing was done. Stop the wrong master and start the one "
                          "whose catalog fits the slaves "
                          "(master.data.path), or drop the table and create it anew");
}

}  // namespace dl::slave
