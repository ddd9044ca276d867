// Goes on when the client leaves: the work is wanted all the same.
#include <utility>

#include "master/execution/command_runs.h"

namespace dl::master {

CommandRun run(Services& services, CommandContext& context, CompressTable command) {
    auto table = services.catalog.find(command.table);
    if (table.has_error()) co_return std::move(table).error();
    const auto deadline =
        context.has_timeout ? context.deadline : context.started + services.limits.compress_timeout;
    UpkeepRouter::ProgressSink progress;
    if (command.progress)
        progress = [&client = context.client](CompressProgress now) { return client.progress(now); };
    auto compressed = co_await services.upkeep.compress(*table, deadline, std::move(progress));
    if (compressed.has_error()) co_return std::move(compressed).error();
    co_return reply_with(Done{});
}

}  // namespace dl::master
