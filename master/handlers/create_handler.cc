// create, and `create table` of sql.
#include <algorithm>
#include <utility>

#include "master/handlers/handlers.h"

namespace dl::master {
namespace {

// Columns are looked up by their normalised name, so that the lists may be written in any case.
Result<ColumnDefinition*> named_column(TableDefinition& definition, const std::string& name,
                                       std::string_view list) {
    DL_TRY_ASSIGN(const auto wanted, normalize_name("column", name));
    for (auto& column : definition.columns) {
        auto own = normalize_name("column", column.name);
        if (own.has_value() && *own == wanted) return &column;
    }
    return make_error(ErrorCode::column_not_found,
                      "'" + name + "' in " + std::string(list) + " is not a column of col_type");
}

Result<TableDefinition> definition_of(const CreateRequest& request) {
    TableDefinition definition;
    definition.name = request.table_name;
    for (const auto& [name, type] : request.columns)
        definition.columns.push_back({name, type, false, {}});
    definition.major_key = request.major_key;
    definition.partitions = request.partition_number;
    definition.copies = request.replica_number;
    for (const auto& name : request.not_null) {
        DL_TRY_ASSIGN(auto* column, named_column(definition, name, "not_null"));
        column->not_null = true;
    }
    for (const auto& [name, text] : request.defaults) {
        DL_TRY_ASSIGN(auto* column, named_column(definition, name, "default"));
        column->default_text = text;
    }
    return definition;
}

}  // namespace

HandlerResult handle_create(Services& services, Statement& statement, ClientReply& reply) {
    auto definition = definition_of(statement.request.create());
    if (definition.has_error()) co_return std::move(definition).error();
    auto created = co_await services.tables.create(std::move(*definition), statement.deadline);
    if (created.has_error()) co_return std::move(created).error();
    co_return co_await reply_success(statement, reply, "");
}

HandlerResult create_table(Services& services, Statement& statement, ClientReply& reply,
                           CreateTableStatement sql) {
    if (sql.if_not_exists && services.catalog.find(sql.table).has_value())
        co_return co_await reply_success(statement, reply, "");
    TableDefinition definition;
    definition.name = std::move(sql.table);
    definition.partitions = sql.partitions;
    definition.copies = sql.extra_copies + 1;
    for (auto& column : sql.columns) {
        if (column.primary_key) definition.major_key = column.name;
        definition.columns.push_back({std::move(column.name), std::move(column.type), column.not_null,
                                      std::move(column.default_text)});
    }
    auto created = co_await services.tables.create(std::move(definition), statement.deadline);
    const bool raced =
        sql.if_not_exists && created.has_error() && created.error().code == ErrorCode::table_exists;
    if (created.has_error() && !raced) co_return std::move(created).error();
    co_return co_await reply_success(statement, reply, "");
}

}  // namespace dl::master
