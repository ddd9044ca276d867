// Columns and parameters of a statement in SQL, without running it.
#include <utility>

#include "common/async/guarded.h"
#include "common/async/run_on.h"
#include "master/execution/command_runs.h"
#include "master/execution/sql_rows.h"
#include "master/execution/write_selected.h"

namespace dl::master {
namespace {

CommandRun describe_select(Services& services, CommandContext& context, DescribeStatement command) {
    context.client.cancel_when_client_leaves();
    DL_CO_TRY_ASSIGN(const auto slot, co_await services.query_slots.acquire(1, context.deadline));
    auto work = [&services, command = std::move(command), deadline = context.deadline,
                 cancel = context.cancel] {
        const TableLookup lookup = [&services](const std::string& name) {
            return services.catalog.find(name);
        };
        const QueryOptions options{deadline, {}, command.params};
        const auto& sql = std::get<SelectStatement>(command.statement).sql;
        return guarded([&] { return services.queries.describe(sql, lookup, options, cancel); });
    };
    auto shape = co_await run_on(services.query_pool, work);
    if (shape.has_error()) co_return query_stopped(*context.cancel, std::move(shape).error());
    make_names_unique(shape->columns);
    co_return reply_with(std::move(*shape));
}

// Of a statement that writes the rows of a SELECT: what that takes.
CommandRun describe_written(Services& services, CommandContext& context, std::string sql,
                            SqlParameters params) {
    DescribeStatement select{SelectStatement{std::move(sql)}, std::move(params)};
    DL_CO_TRY_ASSIGN(auto reply, co_await describe_select(services, context, std::move(select)));
    auto shape = std::get<StatementShape>(std::move(reply));
    shape.columns.clear();
    co_return reply_with(std::move(shape));
}

template <class Statement>
Result<Reply> describe_rows(const Catalog& catalog, const Statement& statement, const SqlParameters& params) {
    DL_TRY_ASSIGN(const auto table, catalog.find(statement.table));
    DL_TRY_ASSIGN(auto shape, shape_of(statement, *table));
    if (!params.empty()) DL_TRY(check_parameter_count(shape.parameters.size(), params.size()));
    return reply_with(std::move(shape));
}

}  // namespace

CommandRun run(Services& services, CommandContext& context, DescribeStatement command) {
    if (const auto* insert = std::get_if<InsertSelectStatement>(&command.statement)) {
        DL_CO_TRY(services.catalog.find(insert->table));
        co_return co_await describe_written(services, context, insert->sql, std::move(command.params));
    }
    if (const auto* erase = std::get_if<DeleteStatement>(&command.statement)) {
        DL_CO_TRY_ASSIGN(const auto table, services.catalog.find(erase->table));
        if (!is_by_key(*erase, *table)) {
            DL_CO_TRY_ASSIGN(auto sql, keys_query(*erase, *table));
            co_return co_await describe_written(services, context, std::move(sql), std::move(command.params));
        }
    }
    if (std::holds_alternative<SelectStatement>(command.statement))
        co_return co_await describe_select(services, context, std::move(command));
    if (const auto* insert = std::get_if<InsertStatement>(&command.statement))
        co_return describe_rows(services.catalog, *insert, command.params);
    if (const auto* erase = std::get_if<DeleteStatement>(&command.statement))
        co_return describe_rows(services.catalog, *erase, command.params);
    co_return reply_with(StatementShape{});
}

}  // namespace dl::master
