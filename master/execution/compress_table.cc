// Goes on when the client leaves: the work is wanted all the same. When the master stops, the slaves go on.
#include <utility>

#include "master/execution/command_runs.h"

namespace dl::master {

CommandRun run(Services& services, CommandContext& context, CompressTable command) {
    DL_CO_TRY_ASSIGN(auto table, services.catalog.find(command.table));
    const auto deadline =
        context.has_timeout ? context.deadline : context.started + services.limits.compress_timeout;
    UpkeepRouter::ProgressSink progress;
    if (command.progress)
        progress = [&client = context.client](CompressProgress now) { return client.progress(now); };
    context.client.waiting(true);
    auto compressed = co_await services.upkeep.compress(table, deadline, std::move(progress));
    context.client.waiting(false);
    if (context.cancel->reason() == ErrorCode::unavailable)
        co_return make_error(ErrorCode::unavailable,
                             "this master is stopping; the slaves go on compressing what they have begun");
    DL_CO_TRY(std::move(compressed));
    co_return reply_with(Done{});
}

}  // namespace dl::master
