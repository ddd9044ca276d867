// Changes of placements: the part of CatalogStore that the controller works with.
#include <algorithm>
#include <utility>

#include "master/catalog/catalog_codec.h"
#include "master/catalog/catalog_format.h"
#include "master/catalog/catalog_store.h"

namespace dl::master {

// `find` and `update` are prepared once for all changes of a transaction.
Result<PartitionPlacement> CatalogStore::put_placement(SqliteStatement& find, SqliteStatement& update,
                                                       PlacementChange change) {
    const auto table = static_cast<std::int64_t>(change.table.value);
    const auto named = [&] { return "partition " + std::to_string(change.partition.value); };
    find.bind(1, table).bind(2, std::int64_t{change.partition.value});
    DL_TRY_ASSIGN(const bool there, find.step());
    if (!there) {
        find.bind(1, table).bind(2, std::int64_t{0});
        DL_TRY_ASSIGN(const bool any, find.step());
        if (!any) return make_error(ErrorCode::table_not_found, "the table was dropped meanwhile");
        return make_error(ErrorCode::partition_not_found, "the table has no " + named());
    }
    DL_TRY_ASSIGN(const auto before, decode_catalog_placement(find, 0));
    if (before.version != change.expected_version)
        return make_error(ErrorCode::stale_version, "the placement of " + named() +
                                                        " was changed meanwhile: it has version " +
                                                        std::to_string(before.version) + ", not " +
                                                        std::to_string(change.expected_version));
    DL_TRY(check_placement_change(before, change.next));
    change.next.version = std::max(change.expected_version, change.above_version) + 1;
    bind_catalog_placement(update, 1, change.next);
    update.bind(11, table).bind(12, std::int64_t{change.partition.value});
    DL_TRY(update.run());
    return std::move(change.next);
}

Result<std::vector<Result<PartitionPlacement>>> CatalogStore::change_placements(
    std::vector<PlacementChange> changes) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database_));
    std::vector<Result<PartitionPlacement>> results;
    results.reserve(changes.size());
    {
        DL_TRY_ASSIGN(auto find, database_.prepare(std::string("SELECT ") + kCatalogPlacementColumns +
                                                   " FROM placements WHERE table_id = ? AND partition = ?"));
        DL_TRY_ASSIGN(auto update,
                      database_.prepare(std::string("UPDATE placements SET (") + kCatalogPlacementColumns +
                                        ") = (?,?,?,?,?,?,?,?,?,?) "
                                        "WHERE table_id = ? AND partition = ?"));
        for (auto& change : changes) {
            auto put = put_placement(find, update, std::move(change));
            // What is wrong with the file itself is no matter of one change.
            if (put.has_error() && error_outcome(put.error().code) != Outcome::nothing_done)
                return std::move(put).error();
            if (put.has_error() &&
                (put.error().code == ErrorCode::io_error || put.error().code == ErrorCode::corrupt_data ||
                 put.error().code == ErrorCode::internal || put.error().code == ErrorCode::disk_full))
                return std::move(put).error();
            results.push_back(std::move(put));
        }
    }
    DL_TRY(transaction.commit());
    return results;
}

Result<PartitionPlacement> CatalogStore::change_placement(TableId table, PartitionId partition,
                                                          std::uint32_t expected_version,
                                                          PartitionPlacement next) {
    std::vector<PlacementChange> changes;
    changes.push_back({table, partition, expected_version, std::move(next)});
    DL_TRY_ASSIGN(auto results, change_placements(std::move(changes)));
    return std::move(results.front());
}

Result<void> CatalogStore::set_copies(TableId table, std::uint32_t copies) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database_));
    {
        DL_TRY_ASSIGN(auto set, database_.prepare("UPDATE tables SET copies = ? WHERE id = ?"));
        set.bind(1, std::int64_t{copies}).bind(2, static_cast<std::int64_t>(table.value));
        DL_TRY(set.run());
        if (database_.changes() == 0)
            return make_error(ErrorCode::table_not_found, "the table was dropped meanwhile");
    }
    return transaction.commit();
}

}  // namespace dl::master
