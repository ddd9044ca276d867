// One report per partition, as the slaves find them.
#include <utility>

#include "master/execution/command_runs.h"

namespace dl::master {

namespace asio = boost::asio;

CommandRun run(Services& services, CommandContext& context, CheckTable command) {
    DL_CO_TRY_ASSIGN(auto table, services.catalog.find(command.table));
    context.client.cancel_when_client_leaves();
    const auto deadline =
        context.has_timeout ? context.deadline : context.started + services.limits.compress_timeout;
    UpkeepRouter::RowSink sink = [&client = context.client](std::string report) {
        return client.partition_checked(std::move(report));
    };
    auto checked = co_await services.upkeep.check(table, command.repair, std::move(sink), deadline);
    if (context.cancel->reason() == ErrorCode::unavailable)
        co_return make_error(ErrorCode::unavailable, "this master is stopping; check again in a moment");
    if (checked.has_error()) co_return std::move(checked).error();
    co_return reply_with(Done{});
}

}  // namespace dl::master
