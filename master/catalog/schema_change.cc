#include "master/catalog/schema_change.h"

#include <algorithm>
#include <utility>

#include "common/base/limits.h"
#include "common/base/nearest_name.h"
#include "common/record/column_batch.h"

namespace dl::master {
namespace {

constexpr std::uint32_t kCopiesMax = 5;  // rpc::kCopiesMax

struct BuiltField {
    Field field;
    DeclaredType declared;
};

Result<BuiltField> build_field(const ColumnDefinition& definition) {
    Field field;
    DL_TRY_ASSIGN(field.name, normalize_name("column", definition.name));
    if (is_reserved_column_name(field.name))
        return make_error(ErrorCode::invalid_request, "a column cannot be named '" + field.name +
                                                          "', the protocol uses that name; choose another");
    auto type = parse_declared_type(definition.type);
    if (type.has_error()) return std::move(type).error().in("column '" + field.name + "'");
    field.type = type->type;
    field.not_null = definition.not_null;
    if (definition.default_text) {
        auto text = canonical_text(*type, *definition.default_text);
        if (text.has_error()) return std::move(text).error().in("default of column '" + field.name + "'");
        field.default_text = std::move(*text);
    }
    return BuiltField{std::move(field), std::move(*type)};
}

// Gives the column its id.
void add_field(CatalogTable& table, BuiltField built) {
    built.field.id = table.next_field_id;
    table.next_field_id = FieldId{table.next_field_id.value + 1};
    if (!built.declared.text.empty()) table.declared.emplace(built.field.id, std::move(built.declared));
    table.schema.fields.push_back(std::move(built.field));
}

}  // namespace

Result<std::string> canonical_text(DataType type, std::string_view text) {
    const DeclaredType plain{type, {}, {}};
    return canonical_text(plain, text);
}

Result<std::string> canonical_text(const DeclaredType& declared, std::string_view text) {
    const auto type = declared.type;
    if (text.size() > limits::value_bytes_max)
        return make_error(ErrorCode::limit_exceeded, "a value of " + std::to_string(text.size()) + " bytes");
    ColumnBatchBuilder builder({{FieldId{1}, type}});
    DL_TRY(append_parsed_text(builder, 0, type, text));
    builder.finish_row(false);
    DL_TRY_ASSIGN(auto batch, ColumnBatch::decode(SharedBytes::from_string(builder.encode()), 1, true));
    if (auto complaint = complaint_of(declared, batch.columns()[0], 0))
        return make_error(ErrorCode::invalid_value, std::move(*complaint));
    std::string canonical;
    append_value_text(canonical, batch.columns()[0], 0);
    return canonical;
}

Result<CatalogTable> build_table(const TableDefinition& definition, std::uint64_t index_hash_seed) {
    CatalogTable table;
    DL_TRY_ASSIGN(table.name, normalize_name("table", definition.name));
    const auto where = "table '" + table.name + "': ";
    if (definition.columns.empty())
        return make_error(ErrorCode::invalid_request,
                          where + "it has no columns; give at least the major key");
    if (definition.columns.size() > limits::columns_max)
        return make_error(ErrorCode::limit_exceeded, where + std::to_string(definition.columns.size()) +
                                                         " columns, the limit is " +
                                                         std::to_string(limits::columns_max));
    if (definition.partitions < 1 || definition.partitions > limits::partitions_max)
        return make_error(ErrorCode::limit_exceeded,
                          where + "partition number " + std::to_string(definition.partitions) +
                              " is not within 1.." + std::to_string(limits::partitions_max));
    if (definition.copies < 1 || definition.copies > kCopiesMax)
        return make_error(ErrorCode::limit_exceeded, where + std::to_string(definition.copies) +
                                                         " copies of a partition are not within 1.." +
                                                         std::to_string(kCopiesMax));
    if (definition.min_in_sync &&
        (*definition.min_in_sync < 1 || *definition.min_in_sync > definition.copies))
        return make_error(ErrorCode::invalid_request,
                          where + "min_in_sync is " + std::to_string(*definition.min_in_sync) + "; with " +
                              std::to_string(definition.copies) + " copies it is from 1 to " +
                              std::to_string(definition.copies));

    if (definition.history.hours > TableHistory::kHoursMax ||
        definition.history.bytes > TableHistory::kBytesMax)
        return make_error(ErrorCode::limit_exceeded,
                          where + "a history of " + std::to_string(definition.history.hours) + " hours and " +
                              std::to_string(definition.history.bytes) + " bytes is not within 0.." +
                              std::to_string(TableHistory::kHoursMax) + " and 0.." +
                              std::to_string(TableHistory::kBytesMax));
    table.history = definition.history;
    table.schema.id = SchemaId{1};
    for (const auto& column : definition.columns) {
        auto field = build_field(column);
        if (field.has_error()) return std::move(field).error().in("table '" + table.name + "'");
        if (table.schema.find(field->field.name))
            return make_error(ErrorCode::column_exists,
                              where + "column '" + field->field.name + "' is given twice");
        add_field(table, std::move(*field));
    }
    DL_TRY_ASSIGN(const auto key, normalize_name("column", definition.major_key));
    const auto position = table.schema.find(key);
    if (!position)
        return make_error(
            ErrorCode::column_not_found,
            where + "the major key '" + key + "' is not among its columns; add it, or name another one");
    table.schema.key_index = *position;
    auto& key_field = table.schema.fields[*position];
    if (key_field.default_text)
        return make_error(ErrorCode::invalid_request, where + "the major key '" + key +
                                                          "' cannot have a default; every row gives its key");
    key_field.not_null = true;
    table.partition_count = definition.partitions;
    table.copies = definition.copies;
    table.index_hash_seed = index_hash_seed;
    table.slot_map = default_slot_map(definition.partitions);
    return table;
}

Result<CatalogTable> with_column(const CatalogTable& table, const ColumnDefinition& column) {
    auto built = build_field(column);
    if (built.has_error()) return std::move(built).error().in("table '" + table.name + "'");
    const auto* field = &built->field;
    if (table.schema.find(field->name))
        return make_error(ErrorCode::column_exists,
                          "table '" + table.name + "' has a column '" + field->name +
                              "' already; choose another name, or drop that one first");
    if (table.schema.fields.size() >= limits::columns_max)
        return make_error(ErrorCode::limit_exceeded, "table '" + table.name + "' has " +
                                                         std::to_string(table.schema.fields.size()) +
                                                         " columns, the limit");
    if (field->not_null && !field->default_text)
        return make_error(ErrorCode::invalid_request,
                          "column '" + field->name +
                              "' is NOT NULL and has no default; rows that exist already "
                              "would violate it, so add a DEFAULT");
    CatalogTable changed = table;
    changed.schema.id = SchemaId{table.schema.id.value + 1};
    add_field(changed, std::move(*built));
    return changed;
}

Result<std::size_t> column_position(const TableMeta& table, std::string_view column) {
    DL_TRY_ASSIGN(const auto name, normalize_name("column", column));
    const auto position = table.schema.find(name);
    if (position) return *position;
    std::vector<std::string> names;
    for (const auto& field : table.schema.fields)
        names.push_back(field.name);
    auto text = "table '" + table.name + "' has no column '" + name + "'";
    if (const auto near = nearest_name(name, names); !near.empty()) text += "; did you mean '" + near + "'?";
    return make_error(ErrorCode::column_not_found, std::move(text));
}

Result<CatalogTable> without_column(const CatalogTable& table, std::string_view column) {
    DL_TRY_ASSIGN(const auto position, column_position(table, column));
    const auto field = table.schema.fields[position];
    if (position == table.schema.key_index)
        return make_error(ErrorCode::invalid_request, "column '" + field.name +
                                                          "' is the major key of table '" + table.name +
                                                          "' and cannot be dropped");
    CatalogTable changed = table;
    changed.declared.erase(field.id);
    changed.new_defaults.erase(field.id);
    std::erase_if(changed.former_names, [&](const FormerName& one) { return one.field == field.id; });
    changed.schema.id = SchemaId{table.schema.id.value + 1};
    changed.schema.fields.erase(changed.schema.fields.begin() + static_cast<std::ptrdiff_t>(position));
    if (position < changed.schema.key_index) --changed.schema.key_index;
    return changed;
}

}  // namespace dl::master
