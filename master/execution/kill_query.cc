// KILL QUERY: waits for nothing, least of all for a slot.
#include "common/base/log.h"
#include "master/execution/command_runs.h"

namespace dl::master {

CommandRun run(Services& services, CommandContext& context, KillQuery command) {
    auto killed = services.running.kill(command.query, context.principal.address);
    if (killed.has_error()) co_return std::move(killed).error();
    log_info("master.command", "a query was killed",
             {{"query", command.query}, {"client", context.principal.address}});
    co_return reply_with(Done{});
}

}  // namespace dl::master
