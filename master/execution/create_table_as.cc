// CREATE TABLE ... AS SELECT: a table with the columns of the rows, then the rows. When they cannot all be
// written the table goes again.
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "common/async/guarded.h"
#include "common/async/run_on.h"
#include "common/base/log.h"
#include "master/execution/command_runs.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

asio::awaitable<Result<StatementShape>> shape_of(Services& services, CommandContext& context,
                                                 const std::string& sql) {
    DL_CO_TRY_ASSIGN(const auto slot, co_await services.query_slots.acquire(1, context.deadline));
    auto work = [&services, sql, deadline = context.deadline, cancel = context.cancel] {
        const TableLookup lookup = [&services](const std::string& name) {
            return services.catalog.find(name);
        };
        const QueryOptions options{deadline, {}, {}};
        return guarded([&] { return services.queries.describe(sql, lookup, options, cancel); });
    };
    co_return co_await run_on(services.query_pool, work);
}

Result<std::vector<ColumnDefinition>> columns_of(StatementShape shape) {
    make_names_unique(shape.columns);
    std::vector<ColumnDefinition> columns;
    for (auto& column : shape.columns) {
        if (!column.type)
            return make_error(ErrorCode::invalid_request,
                              "column '" + column.name + "' has no type; give it one: cast(... as text)");
        const bool is_json = column.type->kind == TypeKind::json;
        columns.push_back({std::move(column.name), is_json ? "string" : type_name(*column.type), false, {}});
    }
    return columns;
}

}  // namespace

CommandRun run(Services& services, CommandContext& context, CreateTableAs command) {
    auto& definition = command.definition;
    const auto name = definition.name;
    if (services.catalog.find(name).has_value()) {
        if (command.if_not_exists) co_return reply_with(Done{});
        co_return make_error(ErrorCode::table_exists, "table '" + name + "' exists already");
    }
    context.client.cancel_when_client_leaves();
    auto shape = co_await shape_of(services, context, command.rows.sql);
    if (shape.has_error()) co_return query_stopped(*context.cancel, std::move(shape).error());
    DL_CO_TRY_ASSIGN(definition.columns, columns_of(std::move(*shape)));
    if (definition.major_key.empty() && !definition.columns.empty())
        definition.major_key = definition.columns.front().name;
    auto created = co_await services.tables.create(std::move(definition), context.deadline);
    if (created.has_error()) co_return std::move(created).error();
    InsertSelected insert{name, {}, std::move(command.rows)};  // made first: g++ 12 would destroy it twice
    auto written = co_await run(services, context, std::move(insert));
    if (written.has_value()) co_return written;
    // Also for a client that left.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    const auto grace = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    auto dropped = co_await services.tables.drop(name, grace);
    auto error = std::move(written).error();
    if (dropped.has_error())
        error.message += "; the table stays, with what was written: " + dropped.error().to_text();
    co_return error;
}

}  // namespace dl::master
