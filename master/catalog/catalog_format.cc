#include "master/catalog/catalog_format.h"

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "common/base/random_id.h"
#include "common/io/file_system.h"

namespace dl::master {
namespace {

constexpr std::int64_t kFormatVersion = 4;
constexpr std::int64_t kFormatWithoutDeclarations = 3;
constexpr std::int64_t kFormatWithoutHistory = 2;
constexpr std::int64_t kFormatWithAddresses = 1;

constexpr const char* kTables = R"(
CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters VALUES('next_table_id', 1);
CREATE TABLE tables(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, schema_id INTEGER NOT NULL, key_field INTEGER NOT NULL,
  next_field INTEGER NOT NULL, partition_count INTEGER NOT NULL, copies INTEGER NOT NULL, partition_hash TEXT NOT NULL,
  index_hash_seed INTEGER NOT NULL, slot_map BLOB NOT NULL, incarnation INTEGER NOT NULL DEFAULT 0);
CREATE TABLE fields(
  table_id INTEGER NOT NULL REFERENCES tables(id) ON DELETE CASCADE, id INTEGER NOT NULL, position INTEGER NOT NULL,
  name TEXT NOT NULL, type TEXT NOT NULL, not_null INTEGER NOT NULL, default_text TEXT,
  added_schema INTEGER NOT NULL, dropped_schema INTEGER, PRIMARY KEY(table_id, id)) WITHOUT ROWID;
)";

// What format 2 brought.
constexpr const char* kNodesAndPlacements = R"(
CREATE TABLE cluster(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO counters VALUES('next_node_id', 1);
CREATE TABLE nodes(
  id INTEGER PRIMARY KEY, address TEXT NOT NULL, incarnation TEXT NOT NULL, displaced INTEGER NOT NULL);
CREATE TABLE placements(
  table_id INTEGER NOT NULL REFERENCES tables(id) ON DELETE CASCADE, partition INTEGER NOT NULL,
  version INTEGER NOT NULL, leader INTEGER NOT NULL, leader_epoch INTEGER NOT NULL, last_leader INTEGER NOT NULL,
  in_sync TEXT NOT NULL, eligible TEXT NOT NULL, replicas TEXT NOT NULL, adding TEXT NOT NULL,
  removing TEXT NOT NULL, min_in_sync INTEGER NOT NULL, PRIMARY KEY(table_id, partition)) WITHOUT ROWID;
CREATE TABLE pending_drops(
  table_id INTEGER NOT NULL, node INTEGER NOT NULL, incarnation INTEGER NOT NULL,
  PRIMARY KEY(table_id, node)) WITHOUT ROWID;
)";

// What format 3 brought: tables made before keep what they would have been made with.
constexpr const char* kHistory = R"(
ALTER TABLE tables ADD COLUMN history_hours INTEGER NOT NULL DEFAULT 72;
ALTER TABLE tables ADD COLUMN history_bytes INTEGER NOT NULL DEFAULT 0;
)";

// What format 4 brought: what columns were declared as, DEFAULTs that changed, names
// that columns had, and views.
constexpr const char* kDeclarations = R"(
ALTER TABLE fields ADD COLUMN declared TEXT;
ALTER TABLE fields ADD COLUMN has_new_default INTEGER NOT NULL DEFAULT 0;
ALTER TABLE fields ADD COLUMN new_default TEXT;
CREATE TABLE former_names(
  table_id INTEGER NOT NULL REFERENCES tables(id) ON DELETE CASCADE, until_schema INTEGER NOT NULL,
  field_id INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY(table_id, until_schema, field_id)) WITHOUT ROWID;
CREATE TABLE views(name TEXT PRIMARY KEY, columns TEXT NOT NULL, sql TEXT NOT NULL) WITHOUT ROWID;
)";

// Format 1 named slaves by their addresses: each becomes a node that has yet to register.
constexpr const char* kFromAddresses = R"(
INSERT INTO nodes(address, incarnation, displaced)
  SELECT address, '', 0 FROM (
    SELECT leader AS address FROM partitions UNION SELECT node FROM followers UNION SELECT node FROM old_drops)
  ORDER BY address;
UPDATE counters SET value = (SELECT ifnull(max(id), 0) + 1 FROM nodes) WHERE name = 'next_node_id';
INSERT INTO placements
  SELECT p.table_id, p.id, 1, n.id, p.leader_epoch, n.id, '[' || n.id || ']', '[]', '[' || n.id || ']', '[]', '[]', 1
  FROM partitions p JOIN nodes n ON n.address = p.leader;
INSERT INTO pending_drops SELECT d.table_id, n.id, 0 FROM old_drops d JOIN nodes n ON n.address = d.node;
DROP TABLE partitions;
DROP TABLE followers;
DROP TABLE old_drops;
)";

Result<void> set_newest_format(SqliteDatabase& database) {
    const auto set = "PRAGMA user_version = " + std::to_string(kFormatVersion);
    return database.execute(set.c_str());
}

Result<void> set_cluster_id(SqliteDatabase& database) {
    DL_TRY_ASSIGN(auto insert, database.prepare("INSERT INTO cluster VALUES('cluster_id', ?)"));
    insert.bind(1, new_cluster_id());
    return insert.run();
}

// A whole catalog without tables, in one file that nothing else refers to.
Result<void> make_catalog(const std::string& path) {
    {
        DL_TRY_ASSIGN(auto database, SqliteDatabase::open(path, "DELETE"));
        DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database));
        DL_TRY(database.execute(kTables));
        DL_TRY(database.execute(kNodesAndPlacements));
        DL_TRY(database.execute(kHistory));
        DL_TRY(database.execute(kDeclarations));
        DL_TRY(set_cluster_id(database));
        DL_TRY(set_newest_format(database));
        DL_TRY(transaction.commit());
    }
    return posix_file_system().sync_file(path);
}

Result<void> name_nodes(SqliteDatabase& database) {
    DL_TRY(database.execute("ALTER TABLE pending_drops RENAME TO old_drops"));
    DL_TRY(database.execute("ALTER TABLE tables ADD COLUMN incarnation INTEGER NOT NULL DEFAULT 0"));
    DL_TRY(database.execute(kNodesAndPlacements));
    DL_TRY(database.execute(kFromAddresses));
    std::vector<std::int64_t> ids;
    {
        DL_TRY_ASSIGN(auto list, database.prepare("SELECT id FROM tables"));
        for (;;) {
            DL_TRY_ASSIGN(const bool more, list.step());
            if (!more) break;
            ids.push_back(list.integer(0));
        }
    }
    DL_TRY_ASSIGN(auto name, database.prepare("UPDATE tables SET incarnation = ? WHERE id = ?"));
    for (const auto id : ids) {
        name.bind(1, static_cast<std::int64_t>(new_incarnation())).bind(2, id);
        DL_TRY(name.run());
    }
    return set_cluster_id(database);
}

// SQLite's pages carry no checksums; this finds pages that do not fit together.
Result<void> quick_check(SqliteDatabase& database) {
    DL_TRY_ASSIGN(auto check, database.prepare("PRAGMA quick_check(1)"));
    DL_TRY_ASSIGN(const bool row, check.step());
    if (row && check.text(0) == "ok") return {};
    return make_error(
        ErrorCode::corrupt_data,
        "the catalog is damaged: " + (row ? check.text(0) : std::string("it cannot be checked")) +
            "; restore catalog.db from a copy");
}

Result<std::int64_t> format_of(SqliteDatabase& database) {
    DL_TRY_ASSIGN(auto query, database.prepare("PRAGMA user_version"));
    DL_TRY_ASSIGN(const bool row, query.step());
    return row ? query.integer(0) : 0;
}

}  // namespace

std::string new_cluster_id() {
    return random_hex(32);
}

std::uint64_t new_incarnation() {
    std::random_device random;
    for (;;)
        if (const auto number = (std::uint64_t{random()} << 32) | random(); number != 0) return number;
}

Result<void> prepare_catalog_file(const std::string& directory, bool used_before, bool begin_anew) {
    auto& files = posix_file_system();
    const auto path = directory + "/catalog.db";
    const auto draft = path + ".new";
    DL_TRY_ASSIGN(bool there, files.exists(path));
    if (there) {
        DL_TRY_ASSIGN(const auto bytes, files.file_size(path));
        there = bytes > 0;
    }
    if (there) return {};
    // Left by a first start that was cut short: no catalog had been there.
    DL_TRY_ASSIGN(const bool interrupted, files.exists(draft));
    if (used_before && !interrupted && !begin_anew)
        return make_error(ErrorCode::corrupt_data,
                          "the master's data directory " + directory +
                              " has been used before and has no catalog any more (" + path +
                              " is missing or empty); put it back from a copy, or start the master with "
                              "--begin-anew: it then knows no tables, and what the slaves hold are orphans");
    for (const auto* ending : {"", "-wal", "-shm", ".new", ".new-journal"}) {
        const auto removed = files.remove(path + ending);
        if (removed.has_error() && removed.error().code != ErrorCode::not_found) return removed.error();
    }
    DL_TRY(make_catalog(draft));
    DL_TRY(files.rename(draft, path));
    return files.sync_directory(directory);
}

Result<void> upgrade_catalog(SqliteDatabase& database) {
    DL_TRY(quick_check(database));
    DL_TRY_ASSIGN(const auto version, format_of(database));
    if (version == kFormatVersion) return {};
    if (version < kFormatWithAddresses || version > kFormatVersion)
        return make_error(ErrorCode::corrupt_data,
                          "the catalog has format version " + std::to_string(version) +
                              ", this program knows versions up to " + std::to_string(kFormatVersion) +
                              "; start the version of the program that wrote it");
    DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database));
    if (version == kFormatWithAddresses) DL_TRY(name_nodes(database));
    if (version <= kFormatWithoutHistory) DL_TRY(database.execute(kHistory));
    if (version <= kFormatWithoutDeclarations) DL_TRY(database.execute(kDeclarations));
    DL_TRY(set_newest_format(database));
    return transaction.commit();
}

}  // namespace dl::master
