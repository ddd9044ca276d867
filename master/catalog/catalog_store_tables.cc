// Tables and their columns in the catalog's file.
#include <utility>

#include "master/catalog/catalog_codec.h"
#include "master/catalog/catalog_store.h"

namespace dl::master {
namespace {

// In `cluster`, before the id of a table that is being filled.
constexpr std::string_view kFillingMark = "filling.";

std::string filling_mark(TableId table) {
    return std::string(kFillingMark) + std::to_string(table.value);
}

}  // namespace

Result<std::vector<CatalogTable>> CatalogStore::load_tables() {
    std::lock_guard lock(mutex_);
    std::vector<CatalogTable> tables;
    DL_TRY_ASSIGN(
        auto query,
        database_.prepare("SELECT id, name, schema_id, key_field, next_field, partition_count, copies, "
                          "partition_hash, index_hash_seed, slot_map, incarnation, history_hours, "
                          "history_bytes FROM tables ORDER BY id"));
    for (;;) {
        DL_TRY_ASSIGN(const bool more, query.step());
        if (!more) break;
        CatalogTable table;
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
        DL_TRY(load_former_names(table));
        tables.push_back(std::move(table));
    }
    return tables;
}

Result<void> CatalogStore::load_fields(CatalogTable& table, FieldId key) {
    DL_TRY_ASSIGN(auto query, database_.prepare(
                                  "SELECT id, name, type, not_null, default_text, declared, has_new_default, "
                                  "new_default FROM fields WHERE table_id = ? AND dropped_schema IS NULL "
                                  "ORDER BY position"));
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
        if (!query.is_null(5)) {
            auto declared = parse_declared_type(query.text(5));
            if (declared.has_error() || declared->type != field.type)
                return make_error(ErrorCode::corrupt_data, "catalog: column " + field.name + " of table " +
                                                               table.name + " is declared as \"" +
                                                               query.text(5) + "\"");
            table.declared.emplace(field.id, std::move(*declared));
        }
        if (query.integer(6) != 0)
            table.new_defaults[field.id] =
                query.is_null(7) ? std::nullopt : std::optional<std::string>(query.text(7));
        table.schema.fields.push_back(std::move(field));
    }
    const auto position = table.schema.find(key);
    if (!position)
        return make_error(ErrorCode::corrupt_data, "catalog: table " + table.name + " has no key column");
    table.schema.key_index = *position;
    return {};
}

Result<void> CatalogStore::put_fields(const CatalogTable& table) {
    DL_TRY_ASSIGN(auto put,
                  database_.prepare("INSERT INTO fields(table_id, id, position, name, type, not_null, "
                                    "default_text, added_schema, declared, has_new_default, new_default) "
                                    "VALUES(?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(table_id, id) DO UPDATE SET "
                                    "name = excluded.name, type = excluded.type, "
                                    "default_text = excluded.default_text, declared = excluded.declared, "
                                    "has_new_default = excluded.has_new_default, "
                                    "new_default = excluded.new_default"));
    const auto bind = [&put](int position, const std::optional<std::string>& text) {
        if (text)
            put.bind(position, *text);
        else
            put.bind_null(position);
    };
    for (const auto& field : table.schema.fields) {
        // Field ids ascend in column order, so they serve as positions that never have to be renumbered.
        put.bind(1, static_cast<std::int64_t>(table.id.value)).bind(2, std::int64_t{field.id.value});
        put.bind(3, std::int64_t{field.id.value}).bind(4, field.name).bind(5, type_name(field.type));
        put.bind(6, std::int64_t{field.not_null ? 1 : 0});
        bind(7, field.default_text);
        put.bind(8, std::int64_t{table.schema.id.value});
        const auto declared = table.declared.find(field.id);
        bind(9, declared == table.declared.end() ? std::nullopt : std::optional(declared->second.text));
        const auto set = table.new_defaults.find(field.id);
        put.bind(10, std::int64_t{set == table.new_defaults.end() ? 0 : 1});
        bind(11, set == table.new_defaults.end() ? std::nullopt : set->second);
        DL_TRY(put.run());
    }
    return put_former_names(table);
}

Result<void> CatalogStore::put_former_names(const TableMeta& table) {
    DL_TRY_ASSIGN(auto clear, database_.prepare("DELETE FROM former_names WHERE table_id = ?"));
    clear.bind(1, catalog_id(table.id));
    DL_TRY(clear.run());
    DL_TRY_ASSIGN(auto put, database_.prepare("INSERT INTO former_names VALUES(?,?,?,?)"));
    for (const auto& former : table.former_names) {
        put.bind(1, catalog_id(table.id)).bind(2, std::int64_t{former.until.value});
        put.bind(3, std::int64_t{former.field.value}).bind(4, former.name);
        DL_TRY(put.run());
    }
    return {};
}

Result<void> CatalogStore::load_former_names(TableMeta& table) {
    DL_TRY_ASSIGN(auto query, database_.prepare("SELECT until_schema, field_id, name FROM former_names "
                                                "WHERE table_id = ? ORDER BY until_schema"));
    query.bind(1, catalog_id(table.id));
    for (;;) {
        DL_TRY_ASSIGN(const bool more, query.step());
        if (!more) return {};
        table.former_names.push_back({FieldId{static_cast<std::uint32_t>(query.integer(1))},
                                      SchemaId{static_cast<std::uint32_t>(query.integer(0))}, query.text(2)});
    }
}

Result<void> CatalogStore::add_table(const CatalogTable& table, const TablePlacement& placement,
                                     const TableMeta* replaced, bool being_filled) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database_));
    if (replaced != nullptr) DL_TRY(take_out(*replaced));
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
    DL_TRY(put_fields(table));
    if (being_filled) {
        DL_TRY_ASSIGN(auto mark, database_.prepare("INSERT INTO cluster VALUES(?, ?)"));
        mark.bind(1, filling_mark(table.id)).bind(2, table.name);
        DL_TRY(mark.run());
    }

    DL_TRY_ASSIGN(auto place, database_.prepare("INSERT INTO placements VALUES(?,?,?,?,?,?,?,?,?,?,?,?)"));
    for (std::size_t i = 0; i < placement.partitions.size(); ++i) {
        place.bind(1, catalog_id(table.id)).bind(2, static_cast<std::int64_t>(i));
        bind_catalog_placement(place, 3, placement.partitions[i]);
        DL_TRY(place.run());
    }
    DL_TRY_ASSIGN(auto settle, database_.prepare("DELETE FROM pending_drops WHERE table_id = ?"));
    settle.bind(1, static_cast<std::int64_t>(table.id.value));
    DL_TRY(settle.run());
    return transaction.commit();
}

Result<void> CatalogStore::change_schema(const CatalogTable& table) {
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
                  database_.prepare("UPDATE tables SET schema_id = ?, next_field = ?, history_hours = ?, "
                                    "history_bytes = ? WHERE id = ?"));
    update.bind(1, std::int64_t{table.schema.id.value})
        .bind(2, std::int64_t{table.next_field_id.value})
        .bind(3, std::int64_t{table.history.hours})
        .bind(4, static_cast<std::int64_t>(table.history.bytes))
        .bind(5, id);
    DL_TRY(update.run());
    DL_TRY(put_fields(table));

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

Result<void> CatalogStore::take_out(const TableMeta& table) {
    TablePlacement placement;
    DL_TRY_ASSIGN(placement.partitions, read_placements(table.id));
    DL_TRY_ASSIGN(auto remove, database_.prepare("DELETE FROM tables WHERE id = ?"));
    remove.bind(1, catalog_id(table.id));
    DL_TRY(remove.run());
    if (database_.changes() == 0)
        return make_error(ErrorCode::table_not_found, "table '" + table.name + "' was dropped meanwhile");
    DL_TRY(erase_filling_mark(table.id));
    return queue_drops(table.id, nodes_of(placement), table.incarnation);
}

Result<void> CatalogStore::erase_filling_mark(TableId table) {
    DL_TRY_ASSIGN(auto unmark, database_.prepare("DELETE FROM cluster WHERE name = ?"));
    unmark.bind(1, filling_mark(table));
    return unmark.run();
}

Result<void> CatalogStore::finish_filling(TableId table) {
    std::lock_guard lock(mutex_);
    DL_TRY(erase_filling_mark(table));
    if (database_.changes() != 0) return {};
    return make_error(ErrorCode::table_not_found, "the table was dropped meanwhile");
}

Result<std::vector<std::string>> CatalogStore::remove_unfilled() {
    std::lock_guard lock(mutex_);
    std::vector<TableMeta> unfilled;
    DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database_));
    DL_TRY_ASSIGN(auto query,
                  database_.prepare("SELECT t.id, t.name, t.incarnation FROM cluster c JOIN tables t "
                                    "ON c.name = ? || t.id"));
    query.bind(1, std::string(kFillingMark));
    for (;;) {
        DL_TRY_ASSIGN(const bool more, query.step());
        if (!more) break;
        auto& table = unfilled.emplace_back();
        table.id = TableId{static_cast<std::uint64_t>(query.integer(0))};
        table.name = query.text(1);
        table.incarnation = static_cast<std::uint64_t>(query.integer(2));
    }
    query = SqliteStatement();
    std::vector<std::string> names;
    for (const auto& table : unfilled) {
        DL_TRY(take_out(table));
        names.push_back(table.name);
    }
    DL_TRY(transaction.commit());
    return names;
}

Result<void> CatalogStore::remove_table(const TableMeta& table) {
    std::lock_guard lock(mutex_);
    DL_TRY_ASSIGN(auto transaction, SqliteTransaction::begin(database_));
    DL_TRY(take_out(table));
    return transaction.commit();
}

}  // namespace dl::master
