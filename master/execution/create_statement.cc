#include "master/execution/create_statement.h"

#include <optional>

#include "common/duck/parquet_file.h"
#include "master/control/replica_planner.h"

namespace dl::master {
namespace {

// Quoted where it has to be.
std::string name_text(const std::string& name) {
    bool plain = !name.empty() && (name[0] < '0' || name[0] > '9');
    for (const char c : name)
        plain = plain && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
    return plain ? name : sql_identifier(name);
}

// When it was given, and is not what it would be anyhow, also of the copies there are so far.
std::optional<std::uint32_t> min_in_sync_of(const CatalogTable& table, const TablePlacement* placement) {
    if (placement == nullptr || placement->partitions.empty() || table.copies < 2) return std::nullopt;
    const auto& one = placement->partitions.front();
    const auto there = static_cast<std::uint32_t>(one.replicas.size());
    if (one.min_in_sync == default_min_in_sync(table.copies) || one.min_in_sync == default_min_in_sync(there))
        return std::nullopt;
    return one.min_in_sync;
}

}  // namespace

std::string create_statement(const CatalogTable& table, const TablePlacement* placement) {
    std::string sql = "create table " + name_text(table.name) + " (";
    for (const auto& field : table.schema.fields) {
        sql += sql.back() == '(' ? "\n  " : ",\n  ";
        sql += name_text(field.name) + ' ' + table.type_text(field);
        const bool is_key = field.id == table.schema.key().id;
        if (is_key) sql += " primary key";
        if (field.not_null && !is_key) sql += " not null";
        const auto& default_text = table.default_of(field);
        if (default_text) sql += " default " + sql_literal(*default_text);
    }
    sql += "\n) partition.number = " + std::to_string(table.partition_count);
    if (table.copies > 1) sql += ", replicas.number = " + std::to_string(table.copies - 1);
    if (const auto least = min_in_sync_of(table, placement))
        sql += ", replicas.in_sync.min = " + std::to_string(*least);
    if (table.history.hours != TableHistory::kHoursDefault)
        sql += ", history.hours = " + std::to_string(table.history.hours);
    if (table.history.bytes != 0) sql += ", history.bytes = " + std::to_string(table.history.bytes);
    return sql;
}

}  // namespace dl::master
