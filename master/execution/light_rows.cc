// SELECTs and shapes on a light lane (light_lanes.h).
#include <utility>

#include "common/async/guarded.h"
#include "common/async/run_on.h"
#include "master/execution/command_runs.h"
#include "master/execution/light_lanes.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

template <class Value>
using Light = std::optional<Result<Value>>;

// What `read` gives in the lane's time; nullopt for what turns out to be no light statement.
template <class Value, class Read>
asio::awaitable<Light<Value>> in_lane(Services& services, CommandContext& context, LightKind kind,
                                      LightTables tables, Read read) {
    auto& lanes = *services.light;
    auto slot = co_await lanes.slots(kind).acquire(1, context.deadline);
    if (context.cancel->reason()) {
        auto stopped = make_error(ErrorCode::cancelled, "the query was cancelled");
        co_return Light<Value>(std::move(stopped));
    }
    if (slot.has_error()) {
        auto error = std::move(slot).error();
        if (error.code == ErrorCode::overloaded)
            error.message =
                "all queries and many short statements run, and none ended in time; ask again later";
        co_return Light<Value>(std::move(error));
    }
    const auto time = std::make_shared<LightTime>(context.cancel, context.deadline);
    const auto lookup = std::make_shared<const TableLookup>(tables.lookup());
    auto work = [time, lookup, read = std::move(read)]() -> Result<Value> {
        return guarded([&] { return read(*lookup, *time); });
    };
    auto done = co_await run_on(lanes.pool(), work);
    if (done.has_error() && !context.cancel->reason()) {
        const auto& error = done.error();
        // Who leads is looked up on the long way.
        const bool moved = error.code == ErrorCode::not_leader || error.code == ErrorCode::unavailable;
        if (tables.refused() || moved || time->was_heavy(error)) co_return Light<Value>();
    }
    co_return Light<Value>(std::move(done));
}

TableLookup tables_of(const Services& services) {
    return [&catalog = services.catalog](const std::string& name) { return catalog.find(name); };
}

std::optional<LightStatement> light_of(const Services& services, std::string_view sql) {
    const auto& tables = services.catalog.tables();
    return light_statement(sql, [&](const std::string& name) {
        return tables.find(name) != nullptr || tables.view(name) != nullptr;
    });
}

struct FewRows {
    std::unique_ptr<QueryStream> rows;  // none: there are many
};

}  // namespace

asio::awaitable<Result<std::unique_ptr<RowCursor>>> light_rows(Services& services, CommandContext& context,
                                                               const Query& query,
                                                               QueryList::Entry& running) {
    std::unique_ptr<RowCursor> none;
    const bool has_cut = !query.cut.min_offsets.empty() || query.cut.as_of;
    const auto light = has_cut ? std::nullopt : light_of(services, query.sql);
    if (!light) co_return none;
    const LightTables tables(tables_of(services), light->explains);
    auto read = [&services, sql = query.sql, params = query.params, number = running.number()](
                    const TableLookup& lookup, LightTime& time) -> Result<FewRows> {
        QueryOptions options{time.end(), {}, params};
        options.number = number;
        DL_TRY_ASSIGN(auto rows, services.queries.run(sql, lookup, options, time.cancel()));
        DL_TRY_ASSIGN(auto few, all_rows_of(std::move(rows)));
        return FewRows{few ? std::move(*few) : nullptr};
    };
    auto done = co_await in_lane<FewRows>(services, context, light->kind, tables, std::move(read));
    if (!done) co_return none;
    if (done->has_error()) co_return query_stopped(*context.cancel, std::move(*done).error());
    if ((*done)->rows == nullptr) co_return none;
    RowCursor::Place place{services.light->pool(), {}, LightLanes::kRowsBytesMax, nullptr, context.deadline,
                           std::move(running)};
    co_return std::make_unique<RowCursor>(std::move((*done)->rows), context.cancel, std::move(place));
}

asio::awaitable<Result<StatementShape>> shape_on_pool(Services& services, CommandContext& context,
                                                      ShapeWork work) {
    auto slot = services.query_slots.try_acquire(1);
    if (slot.bytes() == 0 && services.light != nullptr) {
        const LightTables tables(tables_of(services), true);
        auto read = [work](const TableLookup& lookup, LightTime& time) {
            return work(lookup, time.end(), time.cancel());
        };
        auto done =
            co_await in_lane<StatementShape>(services, context, LightKind::look, tables, std::move(read));
        if (done && done->has_error()) co_return query_stopped(*context.cancel, std::move(*done).error());
        if (done) co_return std::move(*done);
    }
    if (slot.bytes() == 0) {
        DL_CO_TRY_ASSIGN(slot, co_await services.query_slots.acquire(1, context.deadline));
    }
    auto here = [work = std::move(work), lookup = tables_of(services), deadline = context.deadline,
                 cancel = context.cancel] { return guarded([&] { return work(lookup, deadline, cancel); }); };
    auto shape = co_await run_on(services.query_pool, here);
    if (shape.has_error()) co_return query_stopped(*context.cancel, std::move(shape).error());
    co_return shape;
}

}  // namespace dl::master
