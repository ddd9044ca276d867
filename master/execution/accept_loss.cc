// A partition whose log has lost acknowledged records serves again, without them.
#include <utility>

#include "common/async/run_on.h"
#include "common/base/log.h"
#include "master/execution/command_runs.h"
#include "master/execution/listed_rows.h"

namespace dl::master {
namespace {

constexpr std::string_view kComponent = "master.command";

Result<std::unique_ptr<RowCursor>> rows_of(const Services& services, const CommandContext& context,
                                           PartitionId partition, const rpc::AcceptLossReply& reply) {
    const DataType number{TypeKind::int64};
    const std::vector<ResultColumn> columns = {
        {"partition", number}, {"first_offset", number}, {"last_offset", number}, {"records", number}};
    ColumnBatchBuilder builder(listed_columns(columns));
    for (const auto& lost : reply.lost) {
        builder.append_fixed(0, static_cast<std::int64_t>(partition.value));
        builder.append_fixed(1, static_cast<std::int64_t>(lost.from));
        builder.append_fixed(2, static_cast<std::int64_t>(lost.end - 1));
        if (lost.end_is_known)
            builder.append_fixed(3, static_cast<std::int64_t>(lost.end - lost.from));
        else
            builder.append_null(3);
        builder.finish_row(false);
    }
    return listed_rows(services, context, columns, builder);
}

// Durable before the slave hears of it: nothing of before is taken for something of after.
Result<void> raise_epoch(Catalog& catalog, const TableMeta& table, PartitionId partition) {
    const auto placement = catalog.tables().placement(table.id);
    if (placement == nullptr)
        return make_error(ErrorCode::table_not_found, "the table was dropped meanwhile");
    auto next = placement->partitions[partition.value];
    const auto version = next.version;
    ++next.leader_epoch.value;
    DL_TRY(catalog.change_placement(table.id, partition, version, std::move(next)));
    return {};
}

}  // namespace

CommandRun run(Services& services, CommandContext& context, AcceptLoss command) {
    DL_CO_TRY_ASSIGN(const auto table, services.catalog.find(command.table));
    const PartitionId partition{command.partition};
    if (command.partition >= table->partition_count)
        co_return make_error(ErrorCode::partition_not_found,
                             "table '" + table->name + "' has partitions 0 to " +
                                 std::to_string(table->partition_count - 1) + ", not " +
                                 std::to_string(command.partition));
    const auto deadline =
        context.has_timeout ? context.deadline : context.started + services.limits.compress_timeout;
    // Whether there is anything to accept is known before anything changes.
    DL_CO_TRY(co_await services.upkeep.lost_records(table, partition, false, deadline));
    auto raise = [&services, table, partition] { return raise_epoch(services.catalog, *table, partition); };
    DL_CO_TRY(co_await run_on(services.work_pool, raise));
    DL_CO_TRY_ASSIGN(const auto lost,
                     co_await services.upkeep.lost_records(table, partition, true, deadline));
    for (const auto& range : lost.lost)
        log_warn(kComponent, "loss accepted",
                 {{"table", table->name},
                  {"partition", partition.value},
                  {"first_offset", range.from},
                  {"last_offset", range.end - 1},
                  {"client", context.principal.address}});
    DL_CO_TRY_ASSIGN(auto rows, rows_of(services, context, partition, lost));
    co_return reply_with(std::move(rows));
}

}  // namespace dl::master
