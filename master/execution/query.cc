// A SELECT. Lookups by key that one slave answers take neither a query slot nor, when they are small, a turn
// on a pool.
#include <limits>
#include <memory>
#include <utility>

#include "common/async/guarded.h"
#include "common/async/run_on.h"
#include "master/execution/command_runs.h"
#include "master/sql/point_plan.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kManyRows = std::numeric_limits<std::size_t>::max();

TableLookup tables_of(const Services& services) {
    return [&catalog = services.catalog](const std::string& name) { return catalog.find(name); };
}

CommandRun run_on_query_pool(Services& services, CommandContext& context, Query command) {
    auto slot = co_await services.query_slots.acquire(1, context.deadline);
    if (context.cancel->reason())
        co_return query_stopped(*context.cancel, make_error(ErrorCode::cancelled, "the query was cancelled"));
    if (slot.has_error())
        co_return make_error(ErrorCode::overloaded,
                             "as many queries as master.query.concurrent.max allows are running, "
                             "and none ended in time; ask again later");
    const QueryOptions options{context.deadline, std::move(command.cut)};
    auto start = [&services, sql = std::move(command.sql), options, cancel = context.cancel] {
        return guarded([&] { return services.queries.run(sql, tables_of(services), options, cancel); });
    };
    auto rows = co_await run_on(services.query_pool, start);
    if (rows.has_error()) co_return query_stopped(*context.cancel, std::move(rows).error());
    RowCursor::Place place{services.query_pool, std::move(*slot), kManyRows};
    co_return reply_with(std::make_unique<RowCursor>(std::move(*rows), context.cancel, std::move(place)));
}

}  // namespace

CommandRun run(Services& services, CommandContext& context, Query command) {
    context.client.cancel_when_client_leaves();
    const auto leader_of = [&routes = services.routes](const TableMeta& table, PartitionId partition) {
        return routes.of(table).leader_address(partition);
    };
    auto plan = plan_point_query(command.sql, tables_of(services), leader_of, command.cut);
    if (!plan) co_return co_await run_on_query_pool(services, context, std::move(command));
    auto answer = co_await services.points.read(std::move(*plan), command.sql, context.deadline);
    const bool retried = answer.has_error() && answer.error().code == ErrorCode::schema_mismatch;
    if (retried) co_return co_await run_on_query_pool(services, context, std::move(command));
    if (answer.has_error()) {
        auto error = query_stopped(*context.cancel, std::move(answer).error());
        co_return error.code == ErrorCode::timeout ? query_timed_out() : error;
    }
    RowCursor::Place place{services.query_pool, {}, answer->bytes};
    co_return reply_with(
        std::make_unique<RowCursor>(std::move(answer->rows), context.cancel, std::move(place)));
}

}  // namespace dl::master
