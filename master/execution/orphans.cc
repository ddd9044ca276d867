// Tables that slaves hold and the catalog does not know: listed as rows, removed on order.
#include <utility>

#include "master/execution/command_runs.h"
#include "master/execution/listed_rows.h"

namespace dl::master {
namespace {

Result<std::unique_ptr<RowCursor>> rows_of(const Services& services, const CommandContext& context,
                                           const std::vector<TableManager::Orphan>& orphans) {
    const DataType text{TypeKind::string};
    const DataType number{TypeKind::int64};
    const std::vector<ResultColumn> columns = {{"orphan", text},    {"table_name", text},
                                               {"slave", text},     {"partitions", number},
                                               {"records", number}, {"bytes", number}};
    ColumnBatchBuilder builder(listed_columns(columns));
    for (const auto& orphan : orphans) {
        builder.append_bytes(0, orphan.name);
        builder.append_bytes(1, orphan.table.name);
        builder.append_bytes(2, orphan.slave);
        builder.append_fixed(3, static_cast<std::int64_t>(orphan.table.partitions));
        builder.append_fixed(4, static_cast<std::int64_t>(orphan.table.records));
        builder.append_fixed(5, static_cast<std::int64_t>(orphan.table.bytes));
        builder.finish_row(false);
    }
    return listed_rows(services, context, columns, builder);
}

}  // namespace

CommandRun run(Services& services, CommandContext& context, ListOrphans) {
    DL_CO_TRY_ASSIGN(auto orphans, co_await services.tables.orphans(context.deadline));
    DL_CO_TRY_ASSIGN(auto rows, rows_of(services, context, orphans));
    co_return reply_with(std::move(rows));
}

CommandRun run(Services& services, CommandContext& context, DropOrphan command) {
    DL_CO_TRY(co_await services.tables.drop_orphan(std::move(command.orphan), context.deadline));
    co_return reply_with(Done{});
}

}  // namespace dl::master
