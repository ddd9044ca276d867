// Columns and parameters of a statement in SQL, without running it.
#include <utility>

#include "master/execution/command_runs.h"
#include "master/execution/sql_rows.h"
#include "master/execution/write_selected.h"

namespace dl::master {
namespace {

template <class Statement>
Result<Reply> describe_rows(const Catalog& catalog, const Statement& statement, const SqlParameters& params) {
    DL_TRY_ASSIGN(const auto table, catalog.find(statement.table));
    DL_TRY_ASSIGN(auto shape, shape_of(statement, *table));
    if (!params.empty()) DL_TRY(check_parameter_count(shape.parameters.size(), params.size()));
    return reply_with(std::move(shape));
}

}  // namespace

boost::asio::awaitable<Result<StatementShape>> shape_of_select(Services& services, CommandContext& context,
                                                               std::string sql, SqlParameters params) {
    context.client.cancel_when_client_leaves();
    ShapeWork work = [&services, sql = std::move(sql), params = std::move(params)](
                         const TableLookup& lookup, std::chrono::steady_clock::time_point deadline,
                         const std::shared_ptr<QueryCancel>& cancel) {
        const QueryOptions options{deadline, {}, params};
        return services.queries.describe(sql, lookup, options, cancel);
    };
    auto shape = co_await shape_on_pool(services, context, std::move(work));
    if (shape.has_error()) co_return shape;
    make_names_unique(shape->columns);
    co_return shape;
}

CommandRun run(Services& services, CommandContext& context, DescribeStatement command) {
    if (auto* select = std::get_if<SelectStatement>(&command.statement)) {
        DL_CO_TRY_ASSIGN(auto shape, co_await shape_of_select(services, context, std::move(select->sql),
                                                              std::move(command.params)));
        co_return reply_with(std::move(shape));
    }
    // What statements take that write the rows of a SELECT.
    std::optional<std::string> written;
    if (const auto* insert = std::get_if<InsertSelectStatement>(&command.statement)) {
        DL_CO_TRY_ASSIGN(const auto table, services.catalog.find(insert->table));
        DL_CO_TRY_ASSIGN(const auto builder, PartitionedBatchBuilder::create(*table, 0));
        DL_CO_TRY_ASSIGN(const auto targets, columns_of(insert->columns, *table, builder));
        written = rows_query(insert->sql, targets, *table);
    }
    if (const auto* erase = std::get_if<DeleteStatement>(&command.statement)) {
        DL_CO_TRY_ASSIGN(const auto table, services.catalog.find(erase->table));
        if (!is_by_key(*erase, *table)) {
            DL_CO_TRY_ASSIGN(written, keys_query(*erase, *table));
        }
    }
    if (written) {
        DL_CO_TRY_ASSIGN(auto shape, co_await shape_of_select(services, context, std::move(*written),
                                                              std::move(command.params)));
        shape.columns.clear();
        co_return reply_with(std::move(shape));
    }
    if (const auto* insert = std::get_if<InsertStatement>(&command.statement))
        co_return describe_rows(services.catalog, *insert, command.params);
    if (const auto* erase = std::get_if<DeleteStatement>(&command.statement))
        co_return describe_rows(services.catalog, *erase, command.params);
    co_return reply_with(StatementShape{});
}

}  // namespace dl::master
