// Adds or drops a column.
#include <utility>

#include "master/execution/command_runs.h"

namespace dl::master {

CommandRun run(Services& services, CommandContext& context, AddColumn command) {
    DL_CO_TRY(co_await services.tables.add_column(std::move(command.table), std::move(command.column),
                                                  context.deadline));
    co_return reply_with(Done{});
}

CommandRun run(Services& services, CommandContext& context, DropColumn command) {
    DL_CO_TRY(co_await services.tables.drop_column(std::move(command.table), std::move(command.column),
                                                   context.deadline));
    co_return reply_with(Done{});
}

}  // namespace dl::master
