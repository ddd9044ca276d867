// The durable catalog: tables, fields (dropped ones are remembered), slot map, nodes, placements and the
// drops that slaves still have to carry out, in one SQLite file catalog.db. Every change is one transaction,
// synced before it returns. Thread-safe (one mutex); blocking: work pool only. Format:
// docs/formats/catalog.md.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/meta/placement.h"
#include "common/meta/table_meta.h"
#include "master/catalog/catalog_table.h"
#include "master/catalog/directory_lock.h"
#include "master/catalog/node_map.h"
#include "master/catalog/sqlite_database.h"
#include "master/catalog/view.h"

namespace dl::master {

// Partitions of a table that a slave may still hold and that nothing refers to any more.
struct PendingDrop {
    TableId table;
    NodeId node;
    std::uint64_t incarnation = 0;  // of the table
    friend bool operator==(const PendingDrop&, const PendingDrop&) = default;
};

// A placement to be put in the place of one with another version.
struct PlacementChange {
    TableId table;
    PartitionId partition;
    std::uint32_t expected_version = 0;
    PartitionPlacement next;          // gets a version above expected_version and above_version
    std::uint32_t above_version = 0;  // slaves were told up to it, by a newer catalog than this one
};

class CatalogStore {
  public:
    // Locks the directory, opens or creates catalog.db. UNAVAILABLE when another master holds it;
    // CORRUPT_DATA for a format this program does not know, by name, and for a directory that a master has
    // used and that has lost its catalog, unless `begin_anew`: then it gets an empty one.
    static Result<std::unique_ptr<CatalogStore>> open(const std::string& directory, bool begin_anew = false);

    Result<std::string> cluster_id();
    Result<std::vector<CatalogTable>> load_tables();
    Result<TablePlacement> load_placement(const TableMeta& table);

    Result<NodeMap> load_nodes();
    // The node at an address, a new one when nobody was seen there yet.
    Result<Node> node_at_address(const std::string& address);
    // A slave says at `address` who it is: `known`, or none (0) when it has no id yet. It gets the id of the
    // node last seen there if that has not registered or has the same incarnation, else a new one; whoever
    // was thought to be there is displaced.
    Result<Node> register_node(const std::string& address, NodeId known, const std::string& incarnation);

    // Takes the next table id and remembers at once that `nodes` may come to hold partitions of it, so that a
    // create that dies half-way is cleaned up. add_table() forgets that again.
    Result<TableId> reserve_table(const std::vector<NodeId>& nodes, std::uint64_t incarnation);
    // The next table id will be above this one.
    Result<void> skip_table_ids(TableId highest);
    // TABLE_EXISTS when the name is taken, but by `replaced` (or null), which goes in the same transaction as
    // remove_table() would have it.
    // `being_filled`: remove_unfilled() takes it away until finish_filling().
    Result<void> add_table(const CatalogTable& table, const TablePlacement& placement,
                           const TableMeta* replaced = nullptr, bool being_filled = false);
    Result<void> finish_filling(TableId table);  // TABLE_NOT_FOUND when it was dropped
    // At start: the tables whose filling a master did not live to finish go as remove_table() would have it.
    // Their names.
    Result<std::vector<std::string>> remove_unfilled();
    // Compare-and-set: `next` gets version expected_version + 1. STALE_VERSION when the stored version is
    // another one (somebody else changed it), TABLE_NOT_FOUND, PARTITION_NOT_FOUND; INVALID_REQUEST for what
    // check_placement_change() refuses.
    Result<PartitionPlacement> change_placement(TableId table, PartitionId partition,
                                                std::uint32_t expected_version, PartitionPlacement next);
    // The same for many, in one transaction. Each is taken or refused on its own: what became of them in
    // their order. The error: none was taken.
    Result<std::vector<Result<PartitionPlacement>>> change_placements(std::vector<PlacementChange> changes);
    // How many copies the table is to have; its placements follow. TABLE_NOT_FOUND when it is gone.
    Result<void> set_copies(TableId table, std::uint32_t copies);
    // A newer schema: new fields appear, missing ones are marked dropped, others get their new names and what
    // the master keeps of them; the history is that of `table`. SCHEMA_MISMATCH when the stored
    // schema is as new (somebody else changed it), TABLE_NOT_FOUND when it is gone.
    Result<void> change_schema(const CatalogTable& table);
    // Removes the table and queues its drop on every node that holds a part of it.
    Result<void> remove_table(const TableMeta& table);

    Result<std::vector<View>> load_views();
    Result<void> put_view(const View& view);  // in place of the one of its name
    Result<void> remove_view(const std::string& name);

    Result<std::vector<PendingDrop>> pending_drops();
    Result<void> finish_drop(const PendingDrop& drop);

  private:
    CatalogStore(DirectoryLock lock, SqliteDatabase database);
    Result<void> take_out(const TableMeta& table);
    Result<void> erase_filling_mark(TableId table);
    Result<void> put_fields(const CatalogTable& table);
    Result<void> put_former_names(const TableMeta& table);
    Result<void> load_former_names(TableMeta& table);
    Result<void> queue_drops(TableId table, const std::vector<NodeId>& nodes, std::uint64_t incarnation);
    Result<void> load_fields(CatalogTable& table, FieldId key);
    Result<std::vector<PartitionPlacement>> read_placements(TableId table);
    Result<NodeMap> read_nodes();
    Result<PartitionPlacement> put_placement(SqliteStatement& find, SqliteStatement& update,
                                             PlacementChange change);
    Result<void> put_node(const Node& node);

    DirectoryLock lock_;
    SqliteDatabase database_;
    std::mutex mutex_;
};

}  // namespace dl::master
