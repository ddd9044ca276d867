// Adds or drops a column.
#include <utility>

#include "master/execution/command_runs.h"

namespace dl::master {

CommandRun run(Services& services, CommandContext& context, AddColumn command) {
    auto added = co_await services.tables.add_column(std::move(command.table), std::move(command.column),
                                                     context.deadline);
    const bool there = added.has_error() && added.error().code == ErrorCode::column_exists;
    if (!(there && command.if_not_exists)) DL_CO_TRY(std::move(added));
    co_return reply_with(Done{});
}

CommandRun run(Services& services, CommandContext& context, DropColumn command) {
    auto dropped = co_await services.tables.drop_column(std::move(command.table), std::move(command.column),
                                                        context.deadline);
    const bool absent = dropped.has_error() && dropped.error().code == ErrorCode::column_not_found;
    if (!(absent && command.if_exists)) DL_CO_TRY(std::move(dropped));
    co_return reply_with(Done{});
}

}  // namespace dl::master
