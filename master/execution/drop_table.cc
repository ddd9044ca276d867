#include <utility>

#include "master/execution/command_runs.h"

namespace dl::master {

CommandRun run(Services& services, CommandContext& context, DropTable command) {
    auto dropped = co_await services.tables.drop(std::move(command.table), context.deadline);
    const bool absent = dropped.has_error() && dropped.error().code == ErrorCode::table_not_found;
    if (dropped.has_error() && !(absent && command.if_exists)) co_return std::move(dropped).error();
    co_return reply_with(Done{});
}

}  // namespace dl::master
