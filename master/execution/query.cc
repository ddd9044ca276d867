// A SELECT. Lookups by key that one slave answers take neither a query slot nor, when they are small, a turn
// on a pool.
#include <limits>
#include <memory>
#include <utility>

#include "common/async/guarded.h"
#include "common/async/run_on.h"
#include "master/execution/any_copy_read.h"
#include "master/execution/command_runs.h"
#include "master/execution/replanning.h"
#include "master/sql/pivot_statement.h"
#include "master/sql/point_plan.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kManyRows = std::numeric_limits<std::size_t>::max();

TableLookup tables_of(const Services& services) {
    return [&catalog = services.catalog](const std::string& name) { return catalog.find(name); };
}

// The statement as a lookup by key would be written: its values as they are, since a key's type decides what
// they mean. What comes to nothing with them is read again on the pool.
std::string point_text(const Query& command) {
    if (command.sql.size() > limits::work_here_bytes_max) return {};
    const auto uses = find_parameters(command.sql);
    if (!uses || parameter_count(*uses) != command.params.size()) return {};
    std::vector<std::string> literals;
    for (std::size_t i = 0; i < command.params.size(); ++i) {
        auto literal = parameter_literal(static_cast<std::uint32_t>(i + 1), command.params[i], std::nullopt);
        if (!literal) return {};
        literals.push_back(std::move(*literal));
    }
    return with_literals(command.sql, *uses, literals);
}

asio::awaitable<Result<net::ByteBudget::Share>> take_slot(Services& services, CommandContext& context) {
    auto slot = co_await services.query_slots.acquire(1, context.deadline);
    if (context.cancel->reason())
        co_return query_stopped(*context.cancel, make_error(ErrorCode::cancelled, "the query was cancelled"));
    if (slot.has_error())
        co_return make_error(ErrorCode::overloaded,
                             "as many queries as master.query.concurrent.max allows are running, "
                             "and none ended in time; ask again later");
    co_return slot;
}

// What the cut asks for may be long in coming, or never come: waited for without a slot, which is held only
// while the statement is read.
asio::awaitable<Result<void>> wait_for_cut(Services& services, CommandContext& context,
                                           const Query& command) {
    if (command.cut.min_offsets.empty() && !command.cut.as_of) co_return Result<void>();
    DL_CO_TRY_ASSIGN(auto slot, co_await take_slot(services, context));
    QueryOptions options{context.deadline, command.cut, command.params};
    auto read = [&services, sql = command.sql, options = std::move(options)] {
        return guarded([&] { return services.queries.awaited(sql, tables_of(services), options); });
    };
    DL_CO_TRY_ASSIGN(auto awaited, co_await run_on(services.query_pool, read));
    slot.release();
    if (awaited.table == nullptr) co_return Result<void>();
    context.client.waiting(true);
    auto reached = co_await services.reads.wait_for_offsets(std::move(awaited.table),
                                                            std::move(awaited.offsets), context.deadline);
    context.client.waiting(false);
    if (reached.has_error()) co_return query_stopped(*context.cancel, std::move(reached).error());
    co_return Result<void>();
}

class AnyCopyRows final : public QueryStream {
  public:
    AnyCopyRows(std::shared_ptr<AnyCopyRead> copies, std::unique_ptr<QueryStream> rows)
        : copies_(std::move(copies)), rows_(std::move(rows)) {}
    const std::vector<ResultColumn>& columns() const override { return rows_->columns(); }
    Result<std::optional<ColumnBatch>> next() override { return rows_->next(); }
    const std::map<std::string, std::map<std::uint32_t, Offset>>& offsets() const override {
        return rows_->offsets();
    }
    const std::map<std::string, std::uint64_t>& behind() const override { return rows_->behind(); }
    FragmentStream* untouched() const override { return rows_->untouched(); }

  private:
    const std::shared_ptr<AnyCopyRead> copies_;
    const std::unique_ptr<QueryStream> rows_;  // ends first
};

using Rows = asio::awaitable<Result<std::unique_ptr<RowCursor>>>;

// `results`: among which it counts.
Rows rows_on_query_pool(Services& services, CommandContext& context, Query command, OpenResults* results) {
    auto running = services.running.add(context.principal.address, command.sql, context.client.killer());
    DL_CO_TRY(co_await wait_for_cut(services, context, command));
    auto slot = services.query_slots.try_acquire(1);
    if (slot.bytes() == 0) {
        if (services.light != nullptr) {
            DL_CO_TRY_ASSIGN(auto rows, co_await light_rows(services, context, command, running));
            if (rows) co_return rows;
        }
        DL_CO_TRY_ASSIGN(slot, co_await take_slot(services, context));
    }
    running.runs();
    QueryOptions options{context.deadline, std::move(command.cut), std::move(command.params)};
    options.number = running.number();
    std::shared_ptr<AnyCopyRead> copies;
    if (command.any_copy) {
        copies = std::make_shared<AnyCopyRead>(services, context.any_copies);
        options.runner = &copies->runner;
    }
    const auto start = [&services, sql = std::move(command.sql), options = std::move(options),
                        cancel = context.cancel, copies] {
        return guarded([&]() -> Result<std::unique_ptr<QueryStream>> {
            auto rows = services.queries.run(sql, tables_of(services), options, cancel);
            if (rows.has_value() && copies != nullptr)
                *rows = std::make_unique<AnyCopyRows>(copies, std::move(*rows));
            if (rows.has_error() || !services.catalog.tables().any_copies()) return rows;
            return with_first_rows(std::move(*rows));
        });
    };
    Replanning replanning(services, context);
    auto begin = start;
    auto rows = co_await run_on(services.query_pool, begin);
    while (rows.has_error()) {
        const bool again = co_await replanning.goes_on(rows.error());
        if (!again) co_return query_stopped(*context.cancel, Replanning::told(std::move(rows).error()));
        auto next = start;
        rows = co_await run_on(services.query_pool, next);
    }
    net::YieldingSlot yielding(services.query_slots, std::move(slot));
    RowCursor::Place place{services.query_pool, std::move(yielding), kManyRows, results,
                           context.deadline,    std::move(running)};
    co_return std::make_unique<RowCursor>(std::move(*rows), context.cancel, std::move(place));
}

}  // namespace

Rows open_rows(Services& services, CommandContext& context, Query query) {
    return rows_on_query_pool(services, context, std::move(query), nullptr);
}

CommandRun run(Services& services, CommandContext& context, Query command) {
    context.client.cancel_when_client_leaves();
    command.any_copy = reads_any_copy(services, context, command);
    if (!command.summarized.empty()) {
        DL_CO_TRY_ASSIGN(command.sql, co_await summary_select(services, context, command));
    }
    if (may_pivot(command.sql)) {
        DL_CO_TRY_ASSIGN(command.sql, co_await with_pivot_values(services, context, command));
    }
    const auto bound = command.params.empty() ? std::string() : point_text(command);
    const auto& sql = command.params.empty() ? command.sql : bound;
    const auto leader_of = [&routes = services.routes](const TableMeta& table, PartitionId partition) {
        return routes.of(table).leader_address(partition);
    };
    // The short way asks those that lead.
    auto plan =
        command.any_copy ? std::nullopt : plan_point_query(sql, tables_of(services), leader_of, command.cut);
    if (!plan) {
        DL_CO_TRY_ASSIGN(auto rows, co_await rows_on_query_pool(services, context, std::move(command),
                                                                &services.open_results));
        co_return reply_with(std::move(rows));
    }
    Replanning replanning(services, context);
    auto answer = co_await services.points.read(std::move(*plan), sql, context.deadline);
    while (answer.has_error()) {
        const bool again = co_await replanning.goes_on(answer.error());
        if (!again) break;
        plan = plan_point_query(sql, tables_of(services), leader_of, command.cut);
        if (!plan) {
            DL_CO_TRY_ASSIGN(auto rows, co_await rows_on_query_pool(services, context, std::move(command),
                                                                    &services.open_results));
            co_return reply_with(std::move(rows));
        }
        answer = co_await services.points.read(std::move(*plan), sql, context.deadline);
    }
    if (answer.has_error()) {
        auto error = query_stopped(*context.cancel, Replanning::told(std::move(answer).error()));
        co_return error.code == ErrorCode::timeout ? query_timed_out() : error;
    }
    RowCursor::Place place{services.query_pool, {}, answer->bytes, nullptr, context.deadline};
    co_return reply_with(
        std::make_unique<RowCursor>(std::move(answer->rows), context.cancel, std::move(place)));
}

}  // namespace dl::master
