#include "master/catalog/catalog_store.h"

#include <random>
#include <utility>

#include "master/catalog/catalog_codec.h"
#include "master/catalog/catalog_format.h"

namespace dl::master {
namespace {

// Above all that older releases counted up to.
constexpr std::uint32_t kDrawnNodeMin = 1u << 16, kDrawnNodeMax = (1u << 31) - 1;
constexpr std::uint64_t kTableIdMax = std::uint64_t{1} << 62;  // out of reach for a counter

std::int64_t signed_id(TableId table) {
    return static_cast<std::int64_t>(table.value);
}

// Drawn, not counted: a catalog restored from a copy has forgotten the ids it gave since, and slaves that it
// cannot ask at the moment have them.
NodeId new_node_id(const NodeMap& nodes) {
    std::random_device random;
    std::uniform_int_distribution<std::uint32_t> any(kDrawnNodeMin, kDrawnNodeMax);
    for (;;)
        if (const NodeId id{any(random)}; !nodes.contains(id)) return id;
}

}  // namespace

CatalogStore::CatalogStore(DirectoryLock lock, SqliteDatabase database)
    : lock_(std::move(lock)), database_(std::move(database)) {}

Result<std::unique_ptr<CatalogStore>> CatalogStore::open(const std::string& directory, bool begin_anew) {
    DL_TRY_ASSIGN(auto lock, DirectoryLock::acquire(directory));
    DL_TRY(prepare_catalog_file(directory, lock.was_used_before(), begin_anew));
    DL_TRY_ASSIGN(auto database, SqliteDatabase::open(directory + "/catalog.db"));
    std::unique_ptr<CatalogStore> store(new CatalogStore(std::move(lock), std::move(database)));
    DL_TRY(upgrade_catalog(store->database_));
    return store;
}

Result<std::string> CatalogStore::cluster_id() {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto query, database_.prepare("SELECT value FROM cluster WHERE name = 'cluster_id'"));
    DL_TRY_ASSIGN(const bool row, query.step());
    if (!row) return make_error(ErrorCode::corrupt_data, "catalog: the cluster id is missing");
    return query.text(0);
}

Result<std::vector<TableMeta>> CatalogStore::load_tables() {
    std::lock_guard lock(mutex_);
    std::vector<TableMeta> tables;
    DL_TRY_ASSIGN(
        auto query,
        database_.prepare("SELECT id, name, schema_id, key_field, next_field, partition_count, copies, "
                          "partition_hash, index_hash_seed, slot_map, incarnation, history_hours, "
                          "history_bytes FROM tables ORDER BY id"));
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
        DL_TRY_ASSIGN(table.slot_map, decode_catalog_slot_map(query.blob(9), table.partition_count));
        table.incarnation = static_cast<std::uint64_t>(query.integer(10));
        DL_TRY_ASSIGN(table.history,
                      decode_catalog_history(table.name, query.integer(11), query.integer(12)));
        DL_TRY(load_fields(table, key));
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

Result<std::vector<PartitionPlacement>> CatalogStore::read_placements(TableId table) {
    DL_TRY_ASSIGN(auto query, database_.prepare(std::string("SELECT partition, ") + kCatalogPlacementColumns +
                                                " FROM placements WHERE table_id = ? ORDER BY partition"));
    query.bind(1, signed_id(table));
    std::vector<PartitionPlacement> placements;
    for (;;) {
        DL_TRY_ASSIGN(const bool more, query.step());
        if (!more || query.integer(0) != static_cast<std::int64_t>(placements.size())) return placements;
        DL_TRY_ASSIGN(auto placement, decode_catalog_placement(query, 1));
        placements.push_back(std::move(placement));
    }
}

Result<TablePlacement> CatalogStore::load_placement(const TableMeta& table) {
    std::lock_guard lock(mutex_);
    TablePlacement placement;
    placement.table = table.id;
    DL_TRY_ASSIGN(placement.partitions, read_placements(table.id));
    if (placement.partitions.size() != table.partition_count)
        return make_error(ErrorCode::corrupt_data, "catalog: table " + table.name + " has " +
                                                       std::to_string(placement.partitions.size()) +
                                                       " placements for " +
                                                       std::to_string(table.partition_count) + " partitions");
    return placement;
}

Result<NodeMap> CatalogStore::load_nodes() {
    std::lock_guard lock(mutex_);
    return read_nodes();
}

Result<NodeMap> CatalogStore::read_nodes() {
    NodeMap nodes;
    DL_TRY_ASSIGN(auto query, database_.prepare("SELECT id, address, incarnation, displaced FROM nodes"));
    for (;;) {
        DL_TRY_ASSIGN(const bool more, query.step());
        if (!more) return nodes;
        const NodeId id{static_cast<std::uint32_t>(query.integer(0))};
        nodes[id] = {id, query.text(1), query.text(2), query.integer(3) != 0};
    }
}

Result<void> CatalogStore::put_node(const Node& node) {
    DL_TRY_ASSIGN(auto put, database_.prepare("INSERT OR REPLACE INTO nodes VALUES(?,?,?,?)"));
    put.bind(1, std::int64_t{node.id.value}).bind(2, node.address).bind(3, node.incarnation);
    put.bind(4, std::int64_t{node.displaced ? 1 : 0});
    return put.run();
}

Result<Node> CatalogStore::node_at_address(const std::string& address) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(const auto nodes, read_nodes());
    if (const auto* known = node_at(nodes, address); known != nullptr) return *known;
    DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database_));
    Node node;
    node.id = new_node_id(nodes);
    node.address = address;
    DL_TRY(put_node(node));
    DL_TRY(transaction.commit());
    return node;
}

Result<Node> CatalogStore::register_node(const std::string& address, NodeId known,
                                         const std::string& incarnation) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database_));
    DL_TRY_ASSIGN(auto nodes, read_nodes());
    Node node{known, address, incarnation, false};
    const auto* there = node_at(nodes, address);
    if (known == NodeId{} && there != nullptr &&
        (there->incarnation.empty() || there->incarnation == incarnation))
        node.id = there->id;
    if (node.id == NodeId{}) {
        node.id = new_node_id(nodes);
    }
    if (const auto found = nodes.find(node.id); found != nodes.end()) {
        if (found->second == node) return node;
        const auto& registered = found->second.incarnation;
        if (!registered.empty() && registered != incarnation)
            return make_error(
                ErrorCode::unavailable,
                "slave " + address + " and the slave last seen at " + found->second.address +
                    " were given the same number by masters on two copies of a catalog, and this catalog "
                    "means the latter; start the master on the catalog that knows slave " +
                    address +
                    " (master.data.path), or that slave on an empty directory (slave.data), after "
                    "which the tables it holds are not served");
    }
    for (auto& [id, other] : nodes) {
        if (id == node.id || other.address != address || other.displaced) continue;
        other.displaced = true;
        DL_TRY(put_node(other));
    }
    DL_TRY(put_node(node));
    DL_TRY(transaction.commit());
    return node;
}

Result<void> CatalogStore::queue_drops(TableId table, const std::vector<NodeId>& nodes,
                                       std::uint64_t incarnation) {
    DL_TRY_ASSIGN(auto insert, database_.prepare("INSERT OR IGNORE INTO pending_drops VALUES(?, ?, ?)"));
    for (const auto node : nodes) {
        insert.bind(1, signed_id(table)).bind(2, std::int64_t{node.value});
        insert.bind(3, static_cast<std::int64_t>(incarnation));
        DL_TRY(insert.run());
    }
    return {};
}

Result<void> CatalogStore::skip_table_ids(TableId highest) {
    if (highest.value >= kTableIdMax)
        return make_error(ErrorCode::corrupt_data,
                          "a slave says it holds a table with a number that no catalog "
                          "gives; look at the names in its tables folder");
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto raise, database_.prepare("UPDATE counters SET value = ? "
                                                "WHERE name = 'next_table_id' AND value <= ?"));
    raise.bind(1, signed_id(highest) + 1).bind(2, signed_id(highest));
    return raise.run();
}

Result<TableId> CatalogStore::reserve_table(const std::vector<NodeId>& nodes, std::uint64_t incarnation) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database_));
    DL_TRY_ASSIGN(auto next,
                  database_.prepare("UPDATE counters SET value = value + 1 WHERE name = 'next_table_id' "
                                    "RETURNING value - 1"));
    DL_TRY_ASSIGN(const bool row, next.step());
    if (!row) return make_error(ErrorCode::corrupt_data, "catalog: the counter next_table_id is missing");
    const TableId id{static_cast<std::uint64_t>(next.integer(0))};
    next = SqliteStatement();
    DL_TRY(queue_drops(id, nodes, incarnation));
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

Result<void> CatalogStore::add_table(const TableMeta& table, const TablePlacement& placement) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database_));
    DL_TRY_ASSIGN(auto find, database_.prepare("SELECT 1 FROM tables WHERE name = ?"));
    find.bind(1, table.name);
    DL_TRY_ASSIGN(const bool exists, find.step());
    if (exists) return make_error(ErrorCode::table_exists, "table '" + table.name + "' exists already");
    find = SqliteStatement();

    DL_TRY_ASSIGN(auto insert, database_.prepare("INSERT INTO tables VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)"));
    insert.bind(1, static_cast<std::int64_t>(table.id.value)).bind(2, table.name);
    insert.bind(3, std::int64_t{table.schema.id.value}).bind(4, std::int64_t{table.schema.key().id.value});
    insert.bind(5, std::int64_t{table.next_field_id.value}).bind(6, std::int64_t{table.partition_count});
    insert.bind(7, std::int64_t{table.copies}).bind(8, table.partition_hash);
    insert.bind(9, static_cast<std::int64_t>(table.index_hash_seed))
        .bind_blob(10, encode_catalog_slot_map(table.slot_map));
    insert.bind(11, static_cast<std::int64_t>(table.incarnation));
    insert.bind(12, std::int64_t{table.history.hours})
        .bind(13, static_cast<std::int64_t>(table.history.bytes));
    DL_TRY(insert.run());
    DL_TRY(insert_fields(table));

    DL_TRY_ASSIGN(auto place, database_.prepare("INSERT INTO placements VALUES(?,?,?,?,?,?,?,?,?,?,?,?)"));
    for (std::size_t i = 0; i < placement.partitions.size(); ++i) {
        place.bind(1, signed_id(table.id)).bind(2, static_cast<std::int64_t>(i));
        bind_catalog_placement(place, 3, placement.partitions[i]);
        DL_TRY(place.run());
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
    if (find.integer(0) >= std::int64_t{table.schema.id.value})
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
    TablePlacement placement;
    DL_TRY_ASSIGN(placement.partitions, read_placements(table.id));
    DL_TRY_ASSIGN(auto remove, database_.prepare("DELETE FROM tables WHERE id = ?"));
    remove.bind(1, static_cast<std::int64_t>(table.id.value));
    DL_TRY(remove.run());
    if (database_.changes() == 0)
        return make_error(ErrorCode::table_not_found, "table '" + table.name + "' was dropped meanwhile");
    DL_TRY(queue_drops(table.id, nodes_of(placement), table.incarnation));
    return transaction.commit();
}

Result<std::vector<PendingDrop>> CatalogStore::pending_drops() {
    std::lock_guard lock(mutex_);
    std::vector<PendingDrop> drops;
    DL_TRY_ASSIGN(
        auto query,
        database_.prepare("SELECT table_id, node, incarnation FROM pending_drops ORDER BY node, table_id"));
    for (;;) {
        DL_TRY_ASSIGN(const bool more, query.step());
        if (!more) break;
        drops.push_back({TableId{static_cast<std::uint64_t>(query.integer(0))},
                         NodeId{static_cast<std::uint32_t>(query.integer(1))},
                         static_cast<std::uint64_t>(query.integer(2))});
    }
    return drops;
}

Result<void> CatalogStore::finish_drop(const PendingDrop& drop) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto remove,
                  database_.prepare("DELETE FROM pending_drops WHERE table_id = ? AND node = ?"));
    remove.bind(1, static_cast<std::int64_t>(drop.table.value)).bind(2, std::int64_t{drop.node.value});
    return remove.run();
}

}  // namespace dl::master
