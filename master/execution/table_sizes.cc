// SHOW SIZES: tables with their rows and bytes, and views.
#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "common/async/guarded.h"
#include "common/async/run_on.h"
#include "master/execution/command_runs.h"
#include "master/execution/listed_rows.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

using Clock = std::chrono::steady_clock;

constexpr std::size_t kTablesAtOnce = 256;
constexpr std::chrono::milliseconds kLease{10'000};
constexpr std::chrono::milliseconds kPatience{3'000};

// The only value of one row; nullopt when a slave of the table is away.
asio::awaitable<std::optional<std::int64_t>> live_rows(Services& services, CommandContext& context,
                                                       const CatalogTable& table) {
    Query count{"SELECT count(*) FROM \"" + table.name + "\"", {}, {}};
    auto cursor = co_await open_rows(services, context, std::move(count));
    if (cursor.has_error()) co_return std::nullopt;
    class FirstValue final : public RowSink {
      public:
        Result<std::uint32_t> take(const ColumnBatch& batch, std::uint32_t) override {
            if (batch.rows() > 0) value = batch.columns()[0].fixed<std::int64_t>(0);
            return batch.rows();
        }
        bool full() const override { return false; }
        std::optional<std::int64_t> value;
    };
    const auto first = std::make_shared<FirstValue>();
    const auto filled = co_await (*cursor)->fill(first);
    co_return filled.has_error() ? std::nullopt : first->value;
}

using RowCounts = std::map<TableId, std::uint64_t>;

// What the cuts of their slaves say, which are let go of at once.
Result<RowCounts> counted_by_cuts(FragmentRunner& slaves, const QueryTables& tables,
                                  const FragmentCall& call) {
    const auto leader_of = [&slaves](const TableMeta& table, PartitionId partition) {
        return slaves.leader_of(table, partition);
    };
    DL_TRY_ASSIGN(const auto plan, plan_query(tables, leader_of, {}));
    DL_TRY_ASSIGN(const auto pinned, slaves.pin(plan.pins, kLease, call));
    RowCounts rows;
    for (const auto& one : pinned)
        for (const auto& seen : one.cut)
            if (seen.rows) rows[seen.table] += *seen.rows;
    slaves.unpin(pinned);
    return rows;
}

// Of as many tables as can be had with one request a slave; those of others are missing.
asio::awaitable<RowCounts> count_together(Services& services, CommandContext& context,
                                          std::vector<CatalogTablePtr> tables) {
    RowCounts all;
    if (services.light == nullptr || services.fragments == nullptr) co_return all;
    auto slot = co_await services.light->slots(LightKind::look).acquire(1, context.deadline);
    if (slot.has_error()) co_return all;
    for (std::size_t begin = 0; begin < tables.size() && !context.cancel->reason();) {
        QueryTables asked;
        for (; begin < tables.size() && asked.size() < kTablesAtOnce; ++begin)
            asked.emplace(tables[begin]->name, tables[begin]);
        auto count = [slaves = services.fragments, asked = std::move(asked), cancel = context.cancel,
                      deadline = std::min(context.deadline, Clock::now() + kPatience)] {
            return guarded([&] { return counted_by_cuts(*slaves, asked, {deadline, cancel}); });
        };
        auto counted = co_await run_on(services.light->pool(), count);
        if (counted.has_value()) all.merge(*counted);
    }
    co_return all;
}

}  // namespace

CommandRun run(Services& services, CommandContext& context, ListSizes) {
    context.client.cancel_when_client_leaves();
    auto sizes = co_await services.tables.bytes_held(context.deadline);
    std::vector<CatalogTablePtr> led;
    for (const auto& table : services.catalog.tables().list())
        if (sizes[table->id].is_led) led.push_back(table);
    const auto counts = co_await count_together(services, context, std::move(led));
    const DataType text{TypeKind::string};
    const DataType number{TypeKind::int64};
    const std::vector<ResultColumn> columns = {
        {"table_name", text}, {"kind", text}, {"rows", number}, {"bytes", number}, {"partitions", number}};
    ColumnBatchBuilder builder(listed_columns(columns));
    const auto put = [&builder](std::size_t column, std::optional<std::int64_t> value) {
        if (value)
            builder.append_fixed(column, *value);
        else
            builder.append_null(column);
    };
    for (const auto& table : services.catalog.tables().list()) {
        // One whose slave is away is not waited for: not for each table, and a look at the others is wanted.
        std::optional<std::int64_t> rows;
        if (const auto counted = counts.find(table->id); counted != counts.end()) {
            rows = static_cast<std::int64_t>(counted->second);
        } else if (sizes[table->id].is_led) {
            rows = co_await live_rows(services, context, *table);
            // A slave went meanwhile: which tables need it is to be known before the next one waits for it.
            if (!rows && !context.cancel->reason())
                sizes = co_await services.tables.bytes_held(context.deadline);
        }
        if (const auto why = context.cancel->reason())
            co_return make_error(*why, "the statement was stopped before all tables were counted");
        const auto& bytes = sizes[table->id].bytes;
        builder.append_bytes(0, table->name);
        builder.append_bytes(1, "table");
        put(2, rows);
        put(3, bytes ? std::optional(static_cast<std::int64_t>(*bytes)) : std::nullopt);
        put(4, std::int64_t{table->partition_count});
        builder.finish_row(false);
    }
    for (const auto& view : services.catalog.tables().views()) {
        builder.append_bytes(0, view->name);
        builder.append_bytes(1, "view");
        for (const std::size_t column : {2u, 3u, 4u})
            builder.append_null(column);
        builder.finish_row(false);
    }
    DL_CO_TRY_ASSIGN(auto rows, listed_rows(services, context, columns, builder));
    co_return reply_with(std::move(rows));
}

}  // namespace dl::master
