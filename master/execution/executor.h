// The one place that every command of every protocol passes: it is read, its rows are typed, its deadline
// begins, it is carried out, and how it ended is logged. What a principal may do and what is recorded of it
// belongs here, where the command is known and nothing has been done yet.
//
// Coroutines on the session's executor; blocking and long work goes to the pools. Cancelling the coroutine
// ends what waits on the network, `context.cancel` what runs on a pool; both end in an error of the command.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <functional>

#include "master/execution/command.h"
#include "master/execution/command_context.h"
#include "master/execution/reply.h"
#include "master/execution/services.h"

namespace dl::master {

// A command that is still to be made of what came.
struct IncomingCommand {
    std::size_t bytes = 0;                  // of what is read, unpacked
    std::function<Result<Command>()> read;  // called once; on the work pool when it is not small
};

// Reading, and typing and splitting the rows of an insert, take one turn on the work pool together, or none
// when they are small; the memory is admitted first (`Services::work_bytes`). `context` outlives the reply.
boost::asio::awaitable<Result<Reply>> execute_command(Services& services, CommandContext& context,
                                                      IncomingCommand incoming);

}  // namespace dl::master
