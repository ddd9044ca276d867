#include "master/catalog/column_change.h"

#include <utility>

#include "master/catalog/schema_change.h"

namespace dl::master {
namespace {

CatalogTable next_schema(const CatalogTable& table) {
    auto next = table;
    next.schema.id = SchemaId{table.schema.id.value + 1};
    return next;
}

DeclaredType declared_of(const CatalogTable& table, const Field& field) {
    const auto found = table.declared.find(field.id);
    return found == table.declared.end() ? DeclaredType{field.type, {}, {}} : found->second;
}

}  // namespace

Result<CatalogTable> with_renamed_column(const CatalogTable& table, std::string_view from,
                                         std::string_view to) {
    DL_TRY_ASSIGN(const auto position, column_position(table, from));
    DL_TRY_ASSIGN(auto name, normalize_name("column", to));
    const auto& before = table.schema.fields[position];
    if (is_reserved_column_name(name))
        return make_error(ErrorCode::invalid_request, "a column cannot be named '" + name +
                                                          "', the protocol uses that name; choose another");
    if (table.schema.find(name))
        return make_error(ErrorCode::column_exists,
                          "table '" + table.name + "' has a column '" + name + "' already");
    if (table.former_names.size() >= FormerName::kPerTableMax)
        return make_error(
            ErrorCode::limit_exceeded,
            "columns of table '" + table.name + "' were renamed " +
                std::to_string(table.former_names.size()) +
                " times, the limit; create table ... as select makes a table that may begin anew");
    auto changed = next_schema(table);
    changed.former_names.push_back({before.id, changed.schema.id, before.name});
    changed.schema.fields[position].name = std::move(name);
    return changed;
}

Result<CatalogTable> with_new_default(const CatalogTable& table, std::string_view column,
                                      const std::optional<std::string>& text) {
    DL_TRY_ASSIGN(const auto position, column_position(table, column));
    const auto& field = table.schema.fields[position];
    if (position == table.schema.key_index)
        return make_error(ErrorCode::invalid_request, "the major key '" + field.name +
                                                          "' cannot have a default; every row gives its key");
    auto changed = next_schema(table);
    auto& set = changed.new_defaults[field.id];
    set.reset();
    if (!text) return changed;
    auto canonical = canonical_text(declared_of(table, field), *text);
    if (canonical.has_error())
        return std::move(canonical).error().in("default of column '" + field.name + "'");
    set = std::move(*canonical);
    return changed;
}

Result<CatalogTable> with_new_type(const CatalogTable& table, std::string_view column,
                                   std::string_view type) {
    DL_TRY_ASSIGN(const auto position, column_position(table, column));
    const auto& field = table.schema.fields[position];
    auto wanted = parse_declared_type(type);
    if (wanted.has_error()) return std::move(wanted).error().in("column '" + field.name + "'");
    const auto present = declared_of(table, field);
    if (!is_wider(present, *wanted))
        return make_error(
            ErrorCode::not_supported,
            "column '" + field.name + "' of type " + present.shown() + " as " + wanted->shown() +
                (present.type == wanted->type
                     ? ": there may be values that are none of it; a type can be made wider"
                     : ": it is stored otherwise; add a column of that type, or write the table anew: create "
                       "table ... primary key (...) as select ..., cast(" +
                           field.name + " as ...) from " + table.name));
    auto changed = next_schema(table);
    changed.declared.erase(field.id);
    if (!wanted->text.empty()) changed.declared.emplace(field.id, std::move(*wanted));
    return changed;
}

Result<CatalogTable> with_history(const CatalogTable& table, const HistoryChange& change) {
    auto changed = next_schema(table);
    if (change.hours) changed.history.hours = *change.hours;
    if (change.bytes) changed.history.bytes = *change.bytes;
    if (changed.history.hours > TableHistory::kHoursMax || changed.history.bytes > TableHistory::kBytesMax)
        return make_error(ErrorCode::limit_exceeded,
                          "history.hours is from 0 to " + std::to_string(TableHistory::kHoursMax) +
                              ", history.bytes from 0 to " + std::to_string(TableHistory::kBytesMax));
    return changed;
}

}  // namespace dl::master
