// The durable catalog: tables, fields (dropped ones are remembered), slot map, placements and the drops that
// slaves still have to carry out, in one SQLite file catalog.db. Every change is one transaction, synced
// before it returns. Thread-safe (one mutex); blocking: work pool only. Format: docs/formats/catalog.md.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/meta/table_meta.h"
#include "master/catalog/directory_lock.h"
#include "master/catalog/sqlite_database.h"

namespace dl::master {

// Partitions of a table that a slave may still hold and that nothing refers to any more.
struct PendingDrop {
    TableId table;
    std::string node;
    friend bool operator==(const PendingDrop&, const PendingDrop&) = default;
};

class CatalogStore {
  public:
    // Locks the directory, opens or creates catalog.db. UNAVAILABLE when another master holds it;
    // CORRUPT_DATA for a format this program does not know, by name.
    static Result<std::unique_ptr<CatalogStore>> open(const std::string& directory);

    Result<std::vector<TableMeta>> load_tables();
    // Takes the next table id and remembers at once that `nodes` may come to hold partitions of it, so that a
    // create that dies half-way is cleaned up. add_table() forgets that again.
    Result<TableId> reserve_table(const std::vector<std::string>& nodes);
    // TABLE_EXISTS when the name is taken.
    Result<void> add_table(const TableMeta& table);
    // A newer schema: new fields appear, missing ones are marked dropped. SCHEMA_MISMATCH when the stored
    // schema is not table.schema.id - 1 (somebody else changed it), TABLE_NOT_FOUND when it is gone.
    Result<void> change_schema(const TableMeta& table);
    // Removes the table and queues its drop on every node that holds a part of it.
    Result<void> remove_table(const TableMeta& table);

    Result<std::vector<PendingDrop>> pending_drops();
    Result<void> finish_drop(const PendingDrop& drop);

  private:
    CatalogStore(DirectoryLock lock, SqliteDatabase database);
    Result<void> prepare_format();
    Result<void> insert_fields(const TableMeta& table);
    Result<void> queue_drops(TableId table, const std::vector<std::string>& nodes);
    Result<void> load_fields(TableMeta& table, FieldId key);
    Result<void> load_partitions(TableMeta& table);

    DirectoryLock lock_;
    SqliteDatabase database_;
    std::mutex mutex_;
};

// Every node that leads or follows a partition of the table, each once, sorted.
std::vector<std::string> nodes_of(const TableMeta& table);

}  // namespace dl::master
