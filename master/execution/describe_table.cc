// What the catalog knows: one table, or the names of all.
#include <utility>

#include "common/duck/parquet_file.h"
#include "master/execution/command_runs.h"
#include "master/execution/listed_rows.h"

namespace dl::master {
namespace {

// Quoted where it has to be.
std::string name_of(const std::string& name) {
    bool plain = !name.empty() && (name[0] < '0' || name[0] > '9');
    for (const char c : name)
        plain = plain && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
    return plain ? name : sql_identifier(name);
}

std::string create_text(const TableMeta& table) {
    std::string sql = "create table " + name_of(table.name) + " (";
    for (const auto& field : table.schema.fields) {
        sql += sql.back() == '(' ? "\n  " : ",\n  ";
        sql += name_of(field.name) + ' ' + type_name(field.type);
        const bool is_key = field.id == table.schema.key().id;
        if (is_key) sql += " primary key";
        if (field.not_null && !is_key) sql += " not null";
        if (field.default_text) sql += " default " + sql_literal(*field.default_text);
    }
    sql += "\n) partition.number = " + std::to_string(table.partition_count);
    if (table.copies > 1) sql += ", replicas.number = " + std::to_string(table.copies - 1);
    return sql;
}

}  // namespace

CommandRun run(Services& services, CommandContext&, DescribeTable command) {
    auto table = services.catalog.find(command.table);
    if (table.has_error()) co_return std::move(table).error();
    auto routes = services.routes.of(**table);
    TableDescription description{std::move(*table), std::move(routes)};
    co_return reply_with(std::move(description));
}

CommandRun run(Services& services, CommandContext& context, ShowColumns command) {
    DL_CO_TRY_ASSIGN(const auto table, services.catalog.find(command.table));
    ListedRows listed{{"column_name", "column_type", "null", "key", "default"}, {}};
    for (const auto& field : table->schema.fields) {
        const bool is_key = field.id == table->schema.key().id;
        listed.rows.push_back({field.name, type_name(field.type), is_key || field.not_null ? "NO" : "YES",
                               is_key ? std::optional<std::string>("PRI") : std::nullopt,
                               field.default_text});
    }
    DL_CO_TRY_ASSIGN(auto rows, cursor_of(services, context, listed));
    co_return reply_with(std::move(rows));
}

CommandRun run(Services& services, CommandContext& context, ShowCreate command) {
    DL_CO_TRY_ASSIGN(const auto table, services.catalog.find(command.table));
    ListedRows listed{{"table_name", "create_statement"}, {}};
    listed.rows.push_back({table->name, create_text(*table)});
    DL_CO_TRY_ASSIGN(auto rows, cursor_of(services, context, listed));
    co_return reply_with(std::move(rows));
}

CommandRun run(Services& services, CommandContext&, ListTables) {
    TableNames names{services.catalog.tables().names()};
    co_return reply_with(std::move(names));
}

}  // namespace dl::master
