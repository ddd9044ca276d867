#include "master/control/held_tables.h"

#include <algorithm>
#include <cstdio>

namespace dl::master {
namespace {

CatalogTablePtr with_id(const std::vector<CatalogTablePtr>& tables, TableId id) {
    const auto found = std::find_if(tables.begin(), tables.end(),
                                    [&](const CatalogTablePtr& table) { return table->id == id; });
    return found == tables.end() ? nullptr : *found;
}

bool is_same(const TableMeta& known, const HeldTable& held) {
    return known.name == held.name && known.schema.key().name == held.key &&
           known.index_hash_seed == held.index_hash_seed &&
           (held.incarnation == 0 || held.incarnation == known.incarnation);
}

}  // namespace

Result<std::map<TableId, std::uint64_t>> adopt_tables(const std::vector<HeldTable>& held,
                                                      const std::vector<CatalogTablePtr>& known,
                                                      const std::set<TableId>& dropped) {
    std::map<TableId, std::uint64_t> adopted;
    for (const auto& table : held) {
        const auto in_catalog = with_id(known, table.id);
        if (in_catalog != nullptr && is_same(*in_catalog, table)) {
            adopted[table.id] = in_catalog->incarnation;
            continue;
        }
        if (in_catalog == nullptr && dropped.contains(table.id)) continue;
        return make_error(
            ErrorCode::unavailable,
            "the slave holds a table '" + table.name +
                "' that this master's catalog does not know as that one; start the master on the "
                "catalog that fits the slave (master.data.path), the slave on another directory "
                "(slave.data), or take the slave over with master --begin-anew");
    }
    return adopted;
}

std::vector<HeldTable> orphans_of(const std::vector<HeldTable>& held,
                                  const std::vector<CatalogTablePtr>& known,
                                  const std::set<TableId>& expected) {
    std::vector<HeldTable> orphans;
    for (const auto& table : held) {
        if (expected.contains(table.id)) continue;
        const auto in_catalog = with_id(known, table.id);
        if (in_catalog == nullptr || in_catalog->incarnation != table.incarnation) orphans.push_back(table);
    }
    return orphans;
}

std::string orphan_name(std::uint64_t incarnation) {
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(incarnation));
    return digits;
}

}  // namespace dl::master
