#include <utility>

#include "master/execution/command_runs.h"

namespace dl::master {

CommandRun run(Services& services, CommandContext& context, MaxOffsets command) {
    auto table = services.catalog.find(command.table);
    if (table.has_error()) co_return std::move(table).error();
    auto offsets = co_await services.reads.offsets(*table, context.deadline);
    if (offsets.has_error()) co_return std::move(offsets).error();
    for (auto& entry : offsets->end)
        --entry.second;
    LastOffsets last{std::move(offsets->end)};
    co_return reply_with(std::move(last));
}

}  // namespace dl::master
