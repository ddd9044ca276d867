// Which records each partition of a table has, as rows.
#include <algorithm>
#include <utility>

#include "master/execution/command_runs.h"
#include "master/execution/listed_rows.h"
#include "master/execution/table_id.h"

namespace dl::master {
namespace {

Result<std::unique_ptr<RowCursor>> rows_of(const Services& services, const CommandContext& context,
                                           const TableMeta& table, const TableOffsets& offsets) {
    const DataType number{TypeKind::int64};
    std::vector<ResultColumn> columns = {{"partition", number},      {"first_offset", number},
                                         {"history_offset", number}, {"last_offset", number},
                                         {"since_offset", number},   {"table_id", {TypeKind::string}}};
    const auto table_id = table_id_text(table);
    ColumnBatchBuilder builder(listed_columns(columns));
    for (const auto& [partition, end] : offsets.end) {
        builder.append_fixed(0, std::int64_t{partition});
        builder.append_fixed(1, offsets.first.at(partition));
        builder.append_fixed(2, offsets.history.at(partition));
        builder.append_fixed(3, end - 1);
        if (const auto since = offsets.since.find(partition); since != offsets.since.end())
            builder.append_fixed(4, since->second);
        else
            builder.append_null(4);
        builder.append_bytes(5, table_id);
        builder.finish_row(false);
    }
    return listed_rows(services, context, std::move(columns), builder);
}

}  // namespace

CommandRun run(Services& services, CommandContext& context, ListOffsets command) {
    DL_CO_TRY_ASSIGN(auto table, services.catalog.find(command.table));
    DL_CO_TRY_ASSIGN(const auto offsets,
                     co_await services.reads.offsets(table, context.deadline, command.since_us));
    DL_CO_TRY_ASSIGN(auto rows, rows_of(services, context, *table, offsets));
    co_return reply_with(std::move(rows));
}

}  // namespace dl::master
