#include <utility>

#include "master/execution/command_runs.h"

namespace dl::master {

CommandRun run(Services& services, CommandContext& context, CreateTable command) {
    if (command.if_not_exists && services.catalog.find(command.definition.name).has_value())
        co_return reply_with(Done{});
    auto created =
        co_await services.tables.create(std::move(command.definition), context.deadline, command.or_replace);
    const bool raced =
        command.if_not_exists && created.has_error() && created.error().code == ErrorCode::table_exists;
    if (created.has_error() && !raced) co_return std::move(created).error();
    co_return reply_with(Done{});
}

}  // namespace dl::master
