// Adds or drops a column.
#include <utility>

#include "master/execution/command_runs.h"

namespace dl::master {

CommandRun run(Services& services, CommandContext& context, AddColumn command) {
    auto altered = co_await services.tables.add_column(std::move(command.table), std::move(command.column),
                                                       context.deadline);
    if (altered.has_error()) co_return std::move(altered).error();
    co_return reply_with(Done{});
}

CommandRun run(Services& services, CommandContext& context, DropColumn command) {
    auto altered = co_await services.tables.drop_column(std::move(command.table), std::move(command.column),
                                                        context.deadline);
    if (altered.has_error()) co_return std::move(altered).error();
    co_return reply_with(Done{});
}

}  // namespace dl::master
