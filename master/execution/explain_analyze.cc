// EXPLAIN ANALYZE: the statement runs, its rows are counted and thrown away, and what each node did and how
// long it took is the answer.
#include <utility>

#include "common/async/guarded.h"
#include "common/async/run_on.h"
#include "master/execution/any_copy_read.h"
#include "master/execution/command_runs.h"
#include "master/execution/listed_rows.h"
#include "master/execution/replanning.h"
#include "master/sql/measured_runner.h"

namespace dl::master {
namespace {

using Clock = std::chrono::steady_clock;

struct Measured {
    std::string route;
    std::vector<MeasuredStep> steps;
    std::chrono::microseconds planned{0};  // until the first slave was asked, or the rows could begin
    std::chrono::microseconds total{0};
    std::uint64_t rows = 0;
};

std::chrono::microseconds since(Clock::time_point begin) {
    return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
}

// The first row of the EXPLAIN.
Result<std::string> route_of(QueryCoordinator& queries, const std::string& sql, const TableLookup& lookup,
                             const QueryOptions& options, std::shared_ptr<QueryCancel> cancel) {
    DL_TRY_ASSIGN(auto stream, queries.run("EXPLAIN " + sql, lookup, options, std::move(cancel)));
    DL_TRY_ASSIGN(const auto batch, stream->next());
    if (!batch || batch->rows() == 0 || batch->columns().size() != 2) return std::string();
    if (batch->columns()[0].bytes(0) != "route") return std::string("on one slave");
    return std::string(batch->columns()[1].bytes(0));
}

Result<Measured> measure(Services& services, const std::string& sql, const QueryOptions& options,
                         const std::shared_ptr<QueryCancel>& cancel) {
    const TableLookup lookup = [&services](const std::string& name) { return services.catalog.find(name); };
    Measured measured;
    DL_TRY_ASSIGN(measured.route, route_of(services.queries, sql, lookup, options, cancel));
    MeasuredRunner runner(options.runner != nullptr ? *options.runner : *services.fragments);
    auto measuring = options;
    measuring.runner = &runner;
    const auto begin = Clock::now();
    DL_TRY_ASSIGN(auto stream, services.queries.run(sql, lookup, measuring, cancel));
    measured.planned = since(begin);
    for (;;) {
        DL_TRY_ASSIGN(const auto batch, stream->next());
        if (!batch) break;
        measured.rows += batch->rows();
    }
    measured.total = since(begin);
    stream.reset();
    measured.steps = runner.steps();
    return measured;
}

Result<std::unique_ptr<RowCursor>> rows_of(const Services& services, const CommandContext& context,
                                           const Measured& measured) {
    const DataType text{TypeKind::string};
    const DataType number{TypeKind::int64};
    const std::vector<ResultColumn> columns = {
        {"step", text},  {"node", text}, {"rows", number}, {"bytes", number}, {"ms", {TypeKind::float64}},
        {"detail", text}};
    ColumnBatchBuilder builder(listed_columns(columns));
    const auto add = [&builder](std::string_view step, std::string_view node,
                                std::optional<std::uint64_t> rows, std::optional<std::uint64_t> bytes,
                                std::optional<std::chrono::microseconds> time, const std::string& detail) {
        builder.append_bytes(0, step);
        builder.append_bytes(1, node);
        for (const auto& [column, value] : {std::pair(2, rows), std::pair(3, bytes)}) {
            const auto position = static_cast<std::size_t>(column);
            if (value)
                builder.append_fixed(position, static_cast<std::int64_t>(*value));
            else
                builder.append_null(position);
        }
        if (time)
            builder.append_fixed(4, static_cast<double>(time->count()) / 1000.0);
        else
            builder.append_null(4);
        builder.append_bytes(5, detail);
        builder.finish_row(false);
    };
    add("route", "master", {}, {}, {}, measured.route);
    for (const auto& step : measured.steps) {
        const bool has_rows = step.step != "cut";
        add(step.step, step.node, has_rows ? std::optional(step.rows) : std::nullopt,
            has_rows ? std::optional(step.bytes) : std::nullopt, step.time,
            step.sql +
                (step.whole ? "" : (step.sql.empty() ? "" : " ") + std::string("(not read to its end)")));
    }
    add("first rows", "master", {}, {}, measured.planned, "plan, cuts, and until rows could come");
    add("total", "master", measured.rows, {}, measured.total, "");
    return listed_rows(services, context, columns, builder);
}

}  // namespace

CommandRun run(Services& services, CommandContext& context, ExplainAnalyze command) {
    context.client.cancel_when_client_leaves();
    const auto running = services.running.add(
        context.principal.address, "EXPLAIN ANALYZE " + command.query.sql, context.client.killer());
    auto slot = co_await services.query_slots.acquire(1, context.deadline);
    if (slot.has_error()) co_return query_stopped(*context.cancel, std::move(slot).error());
    running.runs();
    const bool any_copy = reads_any_copy(services, context, command.query);
    QueryOptions options{context.deadline, std::move(command.query.cut), std::move(command.query.params)};
    options.number = running.number();
    std::shared_ptr<AnyCopyRead> copies;
    if (any_copy) {
        copies = std::make_shared<AnyCopyRead>(services, context.any_copies);
        options.runner = &copies->runner;
    }
    const auto work = [&services, copies, sql = std::move(command.query.sql), options = std::move(options),
                       cancel = context.cancel] {
        return guarded([&] { return measure(services, sql, options, cancel); });
    };
    // None of its rows was told yet: what breaks in the middle is measured anew.
    Replanning replanning(services, context);
    auto begin = work;
    auto measured = co_await run_on(services.query_pool, begin);
    while (measured.has_error()) {
        const bool again = co_await replanning.goes_on(measured.error());
        if (!again) co_return query_stopped(*context.cancel, Replanning::told(std::move(measured).error()));
        auto next = work;
        measured = co_await run_on(services.query_pool, next);
    }
    DL_CO_TRY_ASSIGN(auto rows, rows_of(services, context, *measured));
    co_return reply_with(std::move(rows));
}

}  // namespace dl::master
