#include "master/catalog/column_change.h"

#include <utility>

#include "common/types/value_text.h"
#include "common/types/wider_type.h"
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

// The way to any type. A cast would cut texts that are too long; INSERT refuses them.
std::string anew(const CatalogTable& table, const Field& field, const DeclaredType& wanted) {
    const auto& key = table.schema.key().name;
    if (wanted.type == field.type)
        return "; write the table anew: show create table " + table.name + ", create it as " + table.name +
               "_new with " + field.name + " " + wanted.shown() + ", then insert into " + table.name +
               "_new select * from " + table.name + ", which refuses rows that do not fit";
    const auto partitions = table.partition_count > 1
                                ? " partition.number = " + std::to_string(table.partition_count)
                                : std::string();
    return "; write the table anew: create table " + table.name + "_new primary key (" + key + ")" +
           partitions + " as select * replace (cast(" + field.name + " as " + wanted.shown() + ") as " +
           field.name + ") from " + table.name;
}

Error no_such_change(const CatalogTable& table, const Field& field, const DeclaredType& present,
                     const DeclaredType& wanted) {
    const std::string wider(wider_types_text(field.type));
    return make_error(ErrorCode::not_supported,
                      "column '" + field.name + "' of type " + present.shown() + " as " + wanted.shown() +
                          ": there may be values that are none of it" +
                          (wider.empty() ? std::string() : "; it can become " + wider) +
                          anew(table, field, wanted));
}

// The text of the same value: a float of 0.1 is the double 0.10000000149011612, as in the rows that have it.
Result<std::string> widened_text(DataType from, const DeclaredType& wanted, const std::string& text) {
    if (from.kind != TypeKind::float32 || wanted.type.kind != TypeKind::float64)
        return canonical_text(wanted, text);
    DL_TRY_ASSIGN(const auto value, parse_float32(text));
    std::string exact;
    append_float64(exact, double{value});
    return canonical_text(wanted, exact);
}

// DEFAULTs are texts of their type: those of rows to come, and of rows that are without the column.
Result<void> widen(CatalogTable& table, std::size_t position, const DeclaredType& wanted) {
    auto& field = table.schema.fields[position];
    const auto before = std::exchange(field.type, wanted.type);
    if (field.default_text) {
        DL_TRY_ASSIGN(field.default_text, widened_text(before, wanted, *field.default_text));
    }
    const auto set = table.new_defaults.find(field.id);
    if (set != table.new_defaults.end() && set->second) {
        DL_TRY_ASSIGN(set->second, widened_text(before, wanted, *set->second));
    }
    return {};
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
    if (!is_wider(present, *wanted)) return no_such_change(table, field, present, *wanted);
    const bool stored_otherwise = wanted->type != field.type;
    // Where a key lies, and whether it is there already, follows from the bytes of its value.
    if (stored_otherwise && position == table.schema.key_index)
        return make_error(ErrorCode::not_supported,
                          "column '" + field.name + "' is the major key of table '" + table.name +
                              "', whose rows lie where its type puts them" + anew(table, field, *wanted));
    auto changed = next_schema(table);
    changed.declared.erase(field.id);
    if (stored_otherwise) DL_TRY(widen(changed, position, *wanted));
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
