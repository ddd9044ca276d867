// How each command is carried out, each in the file of its name. execute_command() alone calls these: they
// find the command read and its deadline set, and return its reply when it is done.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "master/execution/command.h"
#include "master/execution/command_context.h"
#include "master/execution/reply.h"
#include "master/execution/services.h"

namespace dl::master {

using CommandRun = boost::asio::awaitable<Result<Reply>>;

CommandRun run(Services& services, CommandContext& context, CreateTable command);
CommandRun run(Services& services, CommandContext& context, DropTable command);
CommandRun run(Services& services, CommandContext& context, AddColumn command);
CommandRun run(Services& services, CommandContext& context, DropColumn command);
CommandRun run(Services& services, CommandContext& context, DescribeTable command);
CommandRun run(Services& services, CommandContext& context, ListTables command);
CommandRun run(Services& services, CommandContext& context, ListOrphans command);
CommandRun run(Services& services, CommandContext& context, DropOrphan command);
CommandRun run(Services& services, CommandContext& context, MaxOffsets command);
CommandRun run(Services& services, CommandContext& context, AppendRows command);
CommandRun run(Services& services, CommandContext& context, Query command);
CommandRun run(Services& services, CommandContext& context, DescribeStatement command);
CommandRun run(Services& services, CommandContext& context, StreamRead command);
CommandRun run(Services& services, CommandContext& context, CompressTable command);
CommandRun run(Services& services, CommandContext& context, CheckTable command);

}  // namespace dl::master
