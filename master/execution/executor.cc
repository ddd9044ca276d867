#include "master/execution/executor.h"

#include <type_traits>
#include <utility>

#include "common/async/run_sized.h"
#include "common/base/log.h"
#include "master/execution/command_runs.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kComponent = "master.command";

Result<void> type_rows(const Catalog& catalog, AppendRows& append) {
    DL_TRY_ASSIGN(const auto name, append.source->table());
    DL_TRY_ASSIGN(const auto table, catalog.find(name));
    DL_TRY_ASSIGN(auto batch, append.source->read(*table));
    append.rows.table = table;
    append.rows.batch = std::make_shared<const PartitionedBatch>(std::move(batch));
    append.source.reset();
    return {};
}

// Not a coroutine: it only picks one.
CommandRun run_body(Services& services, CommandContext& context, Command::Body& body) {
    return std::visit([&](auto& command) { return run(services, context, std::move(command)); }, body);
}

void log_failure(const CommandContext& context, const Error& error) {
    const bool ours = error.code == ErrorCode::internal || error.code == ErrorCode::io_error ||
                      error.code == ErrorCode::corrupt_data;
    if (ours) {
        DL_LOG_LIMITED(20, LogLevel::error, kComponent, "statement failed",
                       {"client", context.principal.address}, {"error", error});
    } else {
        log_debug(kComponent, "statement refused", {{"client", context.principal.address}, {"error", error}});
    }
}

asio::awaitable<Result<Reply>> carry_out(Services& services, CommandContext& context,
                                         IncomingCommand incoming) {
    context.deadline = context.started + services.limits.statement_timeout;
    net::ByteBudget::Share bytes;
    if (incoming.bytes > limits::work_here_bytes_max) {
        DL_CO_TRY_ASSIGN(auto admitted,
                         co_await services.work_bytes.acquire(incoming.bytes, context.deadline));
        bytes = std::move(admitted);
    }
    auto read = [&catalog = services.catalog, read = std::move(incoming.read)]() -> Result<Command> {
        DL_TRY_ASSIGN(auto command, read());
        DL_TRY(settle_delete([&](const std::string& name) { return catalog.find(name); }, command.body));
        if (auto* append = std::get_if<AppendRows>(&command.body)) DL_TRY(type_rows(catalog, *append));
        return command;
    };
    auto command = co_await run_sized(services.work_pool, incoming.bytes, read);
    if (command.has_error()) co_return std::move(command).error();
    if (!std::holds_alternative<AppendRows>(command->body)) bytes.release();
    if (command->timeout) context.deadline = context.started + *command->timeout;
    context.has_timeout = command->timeout.has_value();
    co_return co_await run_body(services, context, command->body);
}

}  // namespace

asio::awaitable<Result<Reply>> execute_command(Services& services, CommandContext& context,
                                               IncomingCommand incoming) {
    auto reply = co_await carry_out(services, context, std::move(incoming));
    if (reply.has_error()) {
        log_failure(context, reply.error());
    } else if (const auto failure = failure_of(*reply)) {
        log_failure(context, *failure);
    }
    co_return reply;
}

}  // namespace dl::master
