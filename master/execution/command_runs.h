// How each command is carried out, each in the file of its name. execute_command() alone calls these: they
// find the command read and its deadline set, and return its reply when it is done.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "master/execution/command.h"
#include "master/execution/command_context.h"
#include "master/execution/reply.h"
#include "master/execution/row_cursor.h"
#include "master/execution/services.h"

namespace dl::master {

using CommandRun = boost::asio::awaitable<Result<Reply>>;

CommandRun run(Services& services, CommandContext& context, CreateTable command);
CommandRun run(Services& services, CommandContext& context, CreateTableAs command);
CommandRun run(Services& services, CommandContext& context, DropTable command);
CommandRun run(Services& services, CommandContext& context, AddColumn command);
CommandRun run(Services& services, CommandContext& context, DropColumn command);
CommandRun run(Services& services, CommandContext& context, ChangeColumn command);
CommandRun run(Services& services, CommandContext& context, ChangeHistory command);
CommandRun run(Services& services, CommandContext& context, DescribeTable command);
CommandRun run(Services& services, CommandContext& context, ShowColumns command);
CommandRun run(Services& services, CommandContext& context, ShowCreate command);
CommandRun run(Services& services, CommandContext& context, ListTables command);
CommandRun run(Services& services, CommandContext& context, ListOrphans command);
CommandRun run(Services& services, CommandContext& context, DropOrphan command);
CommandRun run(Services& services, CommandContext& context, MaxOffsets command);
CommandRun run(Services& services, CommandContext& context, ListOffsets command);
CommandRun run(Services& services, CommandContext& context, AppendRows command);
CommandRun run(Services& services, CommandContext& context, InsertSelected command);
CommandRun run(Services& services, CommandContext& context, DeleteRows command);
CommandRun run(Services& services, CommandContext& context, Query command);
CommandRun run(Services& services, CommandContext& context, DescribeStatement command);
CommandRun run(Services& services, CommandContext& context, StreamRead command);
CommandRun run(Services& services, CommandContext& context, CompressTable command);
CommandRun run(Services& services, CommandContext& context, CheckTable command);
CommandRun run(Services& services, CommandContext& context, AcceptLoss command);
CommandRun run(Services& services, CommandContext& context, SetCopies command);
CommandRun run(Services& services, CommandContext& context, ClusterStatus command);
CommandRun run(Services& services, CommandContext& context, ElectUnclean command);
CommandRun run(Services& services, CommandContext& context, RefillCopy command);
CommandRun run(Services& services, CommandContext& context, CreateView command);
CommandRun run(Services& services, CommandContext& context, DropView command);
CommandRun run(Services& services, CommandContext& context, ExplainAnalyze command);
CommandRun run(Services& services, CommandContext& context, ListSizes command);
CommandRun run(Services& services, CommandContext& context, KillQuery command);

// Of a SELECT that runs, for commands that work with its rows themselves. A result of a command that is slow
// to take them is never ended in favour of others.
boost::asio::awaitable<Result<std::unique_ptr<RowCursor>>> open_rows(Services& services,
                                                                     CommandContext& context, Query query);
// With all rows, on a light lane (light_lanes.h) for when no query slot is free; null for a statement that is
// not light or turns out not to be, which is to wait for one. `running` is taken with rows only.
boost::asio::awaitable<Result<std::unique_ptr<RowCursor>>> light_rows(Services& services,
                                                                      CommandContext& context,
                                                                      const Query& query,
                                                                      QueryList::Entry& running);
// Blocking.
using ShapeWork = std::function<Result<StatementShape>(const TableLookup& lookup,
                                                       std::chrono::steady_clock::time_point deadline,
                                                       const std::shared_ptr<QueryCancel>& cancel)>;
// What `work` finds on a query slot, or on a light lane when none is free.
boost::asio::awaitable<Result<StatementShape>> shape_on_pool(Services& services, CommandContext& context,
                                                             ShapeWork work);
// The statement with the values that a PIVOT without IN finds in the rows; any other as it is. They are of a
// cut of their own.
boost::asio::awaitable<Result<std::string>> with_pivot_values(Services& services, CommandContext& context,
                                                              Query query);
// The SELECT that a SUMMARIZE is carried out as.
boost::asio::awaitable<Result<std::string>> summary_select(Services& services, CommandContext& context,
                                                           Query query);
// What a SELECT gives and takes, without running it; no two columns of one name.
boost::asio::awaitable<Result<StatementShape>> shape_of_select(Services& services, CommandContext& context,
                                                               std::string sql, SqlParameters params);
// Makes an AppendRows of a DELETE by major keys; what needs a SELECT stays as it is.
Result<void> settle_delete(const TableLookup& lookup, Command::Body& body);

}  // namespace dl::master
