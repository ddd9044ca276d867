#include "master/catalog/catalog_store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/byte_io.h"

namespace dl::master {
namespace {

constexpr std::int64_t kFormatVersion = 1;

constexpr const char* kCreateFormat = R"(
CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters VALUES('next_table_id', 1);
CREATE TABLE tables(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, schema_id INTEGER NOT NULL, key_field INTEGER NOT NULL,
  next_field INTEGER NOT NULL, partition_count INTEGER NOT NULL, copies INTEGER NOT NULL, partition_hash TEXT NOT NULL,
  index_hash_seed INTEGER NOT NULL, slot_map BLOB NOT NULL);
CREATE TABLE fields(
  table_id INTEGER NOT NULL REFERENCES tables(id) ON DELETE CASCADE, id INTEGER NOT NULL, position INTEGER NOT NULL,
  name TEXT NOT NULL, type TEXT NOT NULL, not_null INTEGER NOT NULL, default_text TEXT,
  added_schema INTEGER NOT NULL, dropped_schema INTEGER, PRIMARY KEY(table_id, id)) WITHOUT ROWID;
CREATE TABLE partitions(
  table_id INTEGER NOT NULL REFERENCES tables(id) ON DELETE CASCADE, id INTEGER NOT NULL, leader TEXT NOT NULL,
  leader_epoch INTEGER NOT NULL, PRIMARY KEY(table_id, id)) WITHOUT ROWID;
CREATE TABLE followers(
  table_id INTEGER NOT NULL REFERENCES tables(id) ON DELETE CASCADE, partition INTEGER NOT NULL,
  position INTEGER NOT NULL, node TEXT NOT NULL, PRIMARY KEY(table_id, partition, position)) WITHOUT ROWID;
CREATE TABLE pending_drops(
  table_id INTEGER NOT NULL, node TEXT NOT NULL, PRIMARY KEY(table_id, node)) WITHOUT ROWID;
PRAGMA user_version = 1;
)";

std::string encode_slot_map(const std::vector<std::uint16_t>& slots) {
    std::string bytes;
    bytes.reserve(slots.size() * 2);
    for (const auto slot : slots)
        append_le(bytes, slot);
    return bytes;
}

Result<std::vector<std::uint16_t>> decode_slot_map(const std::string& bytes, std::uint32_t partition_count) {
    std::vector<std::uint16_t> slots;
    ByteReader reader{std::string_view(bytes)};
    if (bytes.size() != kSlotCount * 2)
        return make_error(ErrorCode::corrupt_data,
                          "catalog: slot map of " + std::to_string(bytes.size()) + " bytes");
    for (std::uint32_t i = 0; i < kSlotCount; ++i) {
        slots.push_back(reader.read<std::uint16_t>());
        if (slots.back() >= partition_count)
            return make_error(ErrorCode::corrupt_data,
                              "catalog: slot " + std::to_string(i) + " names partition " +
                                  std::to_string(slots.back()) + " of " + std::to_string(partition_count));
    }
    return slots;
}

}  // namespace

std::vector<std::string> nodes_of(const TableMeta& table) {
    std::set<std::string> nodes;
    for (const auto& partition : table.partitions) {
        nodes.insert(partition.leader);
        nodes.insert(partition.followers.begin(), partition.followers.end());
    }
    return {nodes.begin(), nodes.end()};
}

CatalogStore::CatalogStore(DirectoryLock lock, SqliteDatabase database)
    : lock_(std::move(lock)), database_(std::move(database)) {}

Result<std::unique_ptr<CatalogStore>> CatalogStore::open(const std::string& directory) {
    DL_TRY_ASSIGN(auto lock, DirectoryLock::acquire(directory));
    DL_TRY_ASSIGN(auto database, SqliteDatabase::open(directory + "/catalog.db"));
    std::unique_ptr<CatalogStore> store(new CatalogStore(std::move(lock), std::move(database)));
    DL_TRY(store->prepare_format());
    return store;
}

Result<void> CatalogStore::prepare_format() {
    DL_TRY_ASSIGN(auto query, database_.prepare("PRAGMA user_version"));
    DL_TRY_ASSIGN(const bool row, query.step());
    const auto version = row ? query.integer(0) : 0;
    if (version == kFormatVersion) return {};
    if (version != 0)
        return make_error(ErrorCode::corrupt_data,
                          "the catalog has format version " + std::to_string(version) +
                              ", this program knows version " + std::to_string(kFormatVersion) +
                              "; start the version of the program that wrote it");
    query = SqliteStatement();
    DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database_));
    DL_TRY(database_.execute(kCreateFormat));
    return transaction.commit();
}

Result<std::vector<TableMeta>> CatalogStore::load_tables() {
    std::lock_guard lock(mutex_);
    std::vector<TableMeta> tables;
    DL_TRY_ASSIGN(
        auto query,
        database_.prepare("SELECT id, name, schema_id, key_field, next_field, partition_count, copies, "
                          "partition_hash, index_hash_seed, slot_map FROM tables ORDER BY id"));
    for (;;) {
        DL_TRY_ASSIGN(const bool more, query.step());
        if (!more) break;
        TableMeta table;
        table.id = TableId{static_cast<std::uint64_t>(query.integer(0))};
        table.name = query.text(1);
        table.schema.id = SchemaId{static_cast<std::uint32_t>(query.integer(2))};
        const FieldId key{static_cast<std::uint32_t>(query.integer(3))};
        table.next_field_id = FieldId{static_cast<std::uint32_t>(query.integer(4))};
        table.partition_count = static_cast<std::uint32_t>(query.integer(5));
        table.copies = static_cast<std::uint32_t>(query.integer(6));
        table.partition_hash = query.text(7);
        table.index_hash_seed = static_cast<std::uint64_t>(query.integer(8));
        DL_TRY_ASSIGN(table.slot_map, decode_slot_map(query.blob(9), table.partition_count));
        DL_TRY(load_fields(table, key));
        DL_TRY(load_partitions(table));
        tables.push_back(std::move(table));
    }
    return tables;
}

Result<void> CatalogStore::load_fields(TableMeta& table, FieldId key) {
    DL_TRY_ASSIGN(auto query,
                  database_.prepare("SELECT id, name, type, not_null, default_text FROM fields "
                                    "WHERE table_id = ? AND dropped_schema IS NULL ORDER BY position"));
    query.bind(1, static_cast<std::int64_t>(table.id.value));
    for (;;) {
        DL_TRY_ASSIGN(const bool more, query.step());
        if (!more) break;
        Field field;
        field.id = FieldId{static_cast<std::uint32_t>(query.integer(0))};
        field.name = query.text(1);
        DL_TRY_ASSIGN(field.type, parse_type(query.text(2)));
        field.not_null = query.integer(3) != 0;
        if (!query.is_null(4)) field.default_text = query.text(4);
        table.schema.fields.push_back(std::move(field));
    }
    const auto position = table.schema.find(key);
    if (!position)
        return make_error(ErrorCode::corrupt_data, "catalog: table " + table.name + " has no key column");
    table.schema.key_index = *position;
    return {};
}

Result<void> CatalogStore::load_partitions(TableMeta& table) {
    DL_TRY_ASSIGN(auto query,
                  database_.prepare("SELECT id, leader, leader_epoch FROM partitions WHERE table_id = ? "
                                    "ORDER BY id"));
    query.bind(1, static_cast<std::int64_t>(table.id.value));
    for (;;) {
        DL_TRY_ASSIGN(const bool more, query.step());
        if (!more) break;
        if (query.integer(0) != static_cast<std::int64_t>(table.partitions.size())) break;
        PartitionPlacement placement;
        placement.leader = query.text(1);
        placement.leader_epoch = LeaderEpoch{static_cast<std::uint32_t>(query.integer(2))};
        table.partitions.push_back(std::move(placement));
    }
    if (table.partitions.size() != table.partition_count)
        return make_error(ErrorCode::corrupt_data,
                          "catalog: table " + table.name + " has " + std::to_string(table.partitions.size()) +
                              " placements for " + std::to_string(table.partition_count) + " partitions");
    DL_TRY_ASSIGN(auto followers,
                  database_.prepare("SELECT partition, node FROM followers WHERE table_id = ? "
                                    "ORDER BY partition, position"));
    followers.bind(1, static_cast<std::int64_t>(table.id.value));
    for (;;) {
        DL_TRY_ASSIGN(const bool more, followers.step());
        if (!more) return {};
        const auto partition = static_cast<std::size_t>(followers.integer(0));
        if (partition < table.partitions.size())
            table.partitions[partition].followers.push_back(followers.text(1));
    }
}

Result<void> CatalogStore::queue_drops(TableId table, const std::vector<std::string>& nodes) {
    DL_TRY_ASSIGN(auto insert, database_.prepare("INSERT OR IGNORE INTO pending_drops VALUES(?, ?)"));
    for (const auto& node : nodes) {
        insert.bind(1, static_cast<std::int64_t>(table.value)).bind(2, node);
        DL_TRY(insert.run());
    }
    return {};
}

Result<TableId> CatalogStore::reserve_table(const std::vector<std::string>& nodes) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database_));
    DL_TRY_ASSIGN(auto next,
                  database_.prepare("UPDATE counters SET value = value + 1 WHERE name = 'next_table_id' "
                                    "RETURNING value - 1"));
    DL_TRY_ASSIGN(const bool row, next.step());
    if (!row) return make_error(ErrorCode::corrupt_data, "catalog: the counter next_table_id is missing");
    const TableId id{static_cast<std::uint64_t>(next.integer(0))};
    next = SqliteStatement();
    DL_TRY(queue_drops(id, nodes));
    DL_TRY(transaction.commit());
    return id;
}

Result<void> CatalogStore::insert_fields(const TableMeta& table) {
    DL_TRY_ASSIGN(auto insert,
                  database_.prepare("INSERT OR IGNORE INTO fields(table_id, id, position, name, type, "
                                    "not_null, default_text, added_schema) VALUES(?,?,?,?,?,?,?,?)"));
    for (std::size_t i = 0; i < table.schema.fields.size(); ++i) {
        const auto& field = table.schema.fields[i];
        // Field ids ascend in column order, so they serve as positions that never have to be renumbered.
        insert.bind(1, static_cast<std::int64_t>(table.id.value)).bind(2, std::int64_t{field.id.value});
        insert.bind(3, std::int64_t{field.id.value}).bind(4, field.name).bind(5, type_name(field.type));
        insert.bind(6, std::int64_t{field.not_null ? 1 : 0});
        if (field.default_text)
            insert.bind(7, *field.default_text);
        else
            insert.bind_null(7);
        insert.bind(8, std::int64_t{table.schema.id.value});
        DL_TRY(insert.run());
    }
    return {};
}

Result<void> CatalogStore::add_table(const TableMeta& table) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database_));
    DL_TRY_ASSIGN(auto find, database_.prepare("SELECT 1 FROM tables WHERE name = ?"));
    find.bind(1, table.name);
    DL_TRY_ASSIGN(const bool exists, find.step());
    if (exists) return make_error(ErrorCode::table_exists, "table '" + table.name + "' exists already");
    find = SqliteStatement();

    DL_TRY_ASSIGN(auto insert, database_.prepare("INSERT INTO tables VALUES(?,?,?,?,?,?,?,?,?,?)"));
    insert.bind(1, static_cast<std::int64_t>(table.id.value)).bind(2, table.name);
    insert.bind(3, std::int64_t{table.schema.id.value}).bind(4, std::int64_t{table.schema.key().id.value});
    insert.bind(5, std::int64_t{table.next_field_id.value}).bind(6, std::int64_t{table.partition_count});
    insert.bind(7, std::int64_t{table.copies}).bind(8, table.partition_hash);
    insert.bind(9, static_cast<std::int64_t>(table.index_hash_seed))
        .bind_blob(10, encode_slot_map(table.slot_map));
    DL_TRY(insert.run());
    DL_TRY(insert_fields(table));

    DL_TRY_ASSIGN(auto partition, database_.prepare("INSERT INTO partitions VALUES(?,?,?,?)"));
    DL_TRY_ASSIGN(auto follower, database_.prepare("INSERT INTO followers VALUES(?,?,?,?)"));
    for (std::size_t i = 0; i < table.partitions.size(); ++i) {
        const auto& placement = table.partitions[i];
        partition.bind(1, static_cast<std::int64_t>(table.id.value)).bind(2, static_cast<std::int64_t>(i));
        partition.bind(3, placement.leader).bind(4, std::int64_t{placement.leader_epoch.value});
        DL_TRY(partition.run());
        for (std::size_t k = 0; k < placement.followers.size(); ++k) {
            follower.bind(1, static_cast<std::int64_t>(table.id.value)).bind(2, static_cast<std::int64_t>(i));
            follower.bind(3, static_cast<std::int64_t>(k)).bind(4, placement.followers[k]);
            DL_TRY(follower.run());
        }
    }
    DL_TRY_ASSIGN(auto settle, database_.prepare("DELETE FROM pending_drops WHERE table_id = ?"));
    settle.bind(1, static_cast<std::int64_t>(table.id.value));
    DL_TRY(settle.run());
    return transaction.commit();
}

Result<void> CatalogStore::change_schema(const TableMeta& table) {
    std::lock_guard lock(mutex_);
    const auto id = static_cast<std::int64_t>(table.id.value);
    DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database_));
    DL_TRY_ASSIGN(auto find, database_.prepare("SELECT schema_id FROM tables WHERE id = ?"));
    find.bind(1, id);
    DL_TRY_ASSIGN(const bool exists, find.step());
    if (!exists)
        return make_error(ErrorCode::table_not_found, "table '" + table.name + "' was dropped meanwhile");
    if (find.integer(0) + 1 != std::int64_t{table.schema.id.value})
        return make_error(ErrorCode::schema_mismatch, "table '" + table.name + "' was altered meanwhile");
    find = SqliteStatement();

    DL_TRY_ASSIGN(auto update,
                  database_.prepare("UPDATE tables SET schema_id = ?, next_field = ? WHERE id = ?"));
    update.bind(1, std::int64_t{table.schema.id.value})
        .bind(2, std::int64_t{table.next_field_id.value})
        .bind(3, id);
    DL_TRY(update.run());
    DL_TRY(insert_fields(table));

    DL_TRY_ASSIGN(auto list,
                  database_.prepare("SELECT id FROM fields WHERE table_id = ? AND dropped_schema IS NULL"));
    list.bind(1, id);
    std::vector<std::int64_t> dropped;
    for (;;) {
        DL_TRY_ASSIGN(const bool more, list.step());
        if (!more) break;
        if (!table.schema.find(FieldId{static_cast<std::uint32_t>(list.integer(0))}))
            dropped.push_back(list.integer(0));
    }
    list = SqliteStatement();
    DL_TRY_ASSIGN(auto drop,
                  database_.prepare("UPDATE fields SET dropped_schema = ? WHERE table_id = ? AND id = ?"));
    for (const auto field : dropped) {
        drop.bind(1, std::int64_t{table.schema.id.value}).bind(2, id).bind(3, field);
        DL_TRY(drop.run());
    }
    return transaction.commit();
}

Result<void> CatalogStore::remove_table(const TableMeta& table) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database_));
    DL_TRY_ASSIGN(auto remove, database_.prepare("DELETE FROM tables WHERE id = ?"));
    remove.bind(1, static_cast<std::int64_t>(table.id.value));
    DL_TRY(remove.run());
    if (database_.changes() == 0)
        return make_error(ErrorCode::table_not_found, "table '" + table.name + "' was dropped meanwhile");
    DL_TRY(queue_drops(table.id, nodes_of(table)));
    return transaction.commit();
}

Result<std::vector<PendingDrop>> CatalogStore::pending_drops() {
    std::lock_guard lock(mutex_);
    std::vector<PendingDrop> drops;
    DL_TRY_ASSIGN(auto query,
                  database_.prepare("SELECT table_id, node FROM pending_drops ORDER BY node, table_id"));
    for (;;) {
        DL_TRY_ASSIGN(const bool more, query.step());
        if (!more) break;
        drops.push_back({TableId{static_cast<std::uint64_t>(query.integer(0))}, query.text(1)});
    }
    return drops;
}

Result<void> CatalogStore::finish_drop(const PendingDrop& drop) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto remove,
                  database_.prepare("DELETE FROM pending_drops WHERE table_id = ? AND node = ?"));
    remove.bind(1, static_cast<std::int64_t>(drop.table.value)).bind(2, drop.node);
    return remove.run();
}

}  // namespace dl::master
