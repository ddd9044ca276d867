#include <utility>

#include "master/execution/command_runs.h"

namespace dl::master {

CommandRun run(Services& services, CommandContext& context, MaxOffsets command) {
    DL_CO_TRY_ASSIGN(auto table, services.catalog.find(command.table));
    DL_CO_TRY_ASSIGN(auto offsets, co_await services.reads.offsets(table, context.deadline));
    for (auto& entry : offsets.end)
        --entry.second;
    LastOffsets last{std::move(offsets.end)};
    co_return reply_with(std::move(last));
}

}  // namespace dl::master
