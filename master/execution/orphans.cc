// Tables that slaves hold and the catalog does not know: listed as rows, removed on order.
#include <utility>

#include "master/execution/command_runs.h"
#include "master/execution/listed_rows.h"

namespace dl::master {
namespace {

Result<std::unique_ptr<QueryStream>> rows_of(const std::vector<TableManager::Orphan>& orphans) {
    const DataType text{TypeKind::string};
    const DataType number{TypeKind::int64};
    const std::vector<ResultColumn> columns = {{"orphan", text},    {"table_name", text},
                                               {"slave", text},     {"partitions", number},
                                               {"records", number}, {"bytes", number}};
    std::vector<ColumnBatchBuilder::ColumnSpec> specs;
    for (std::size_t i = 0; i < columns.size(); ++i)
        specs.push_back({FieldId{static_cast<std::uint32_t>(i + 1)}, columns[i].type});
    ColumnBatchBuilder builder(specs);
    for (const auto& orphan : orphans) {
        builder.append_bytes(0, orphan.name);
        builder.append_bytes(1, orphan.table.name);
        builder.append_bytes(2, orphan.slave);
        builder.append_fixed(3, static_cast<std::int64_t>(orphan.table.partitions));
        builder.append_fixed(4, static_cast<std::int64_t>(orphan.table.records));
        builder.append_fixed(5, static_cast<std::int64_t>(orphan.table.bytes));
        builder.finish_row(false);
    }
    std::optional<ColumnBatch> batch;
    if (!orphans.empty()) {
        DL_TRY_ASSIGN(batch, ColumnBatch::decode(SharedBytes::from_string(builder.encode()),
                                                 static_cast<std::uint32_t>(orphans.size())));
    }
    return std::unique_ptr<QueryStream>(std::make_unique<ListedRows>(columns, std::move(batch)));
}

}  // namespace

CommandRun run(Services& services, CommandContext& context, ListOrphans) {
    DL_CO_TRY_ASSIGN(auto orphans, co_await services.tables.orphans(context.deadline));
    DL_CO_TRY_ASSIGN(auto rows, rows_of(orphans));
    co_return reply_with(
        std::make_unique<RowCursor>(std::move(rows), context.cancel,
                                    RowCursor::Place{services.work_pool, {}, 0, nullptr, context.deadline}));
}

CommandRun run(Services& services, CommandContext& context, DropOrphan command) {
    DL_CO_TRY(co_await services.tables.drop_orphan(std::move(command.orphan), context.deadline));
    co_return reply_with(Done{});
}

}  // namespace dl::master
