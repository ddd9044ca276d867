// What a command is carried out for: who asks, until when, and the way back to the client while it runs.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "common/async/query_cancel.h"
#include "common/base/error.h"
#include "common/base/shared_bytes.h"
#include "common/rpc/rpc_client.h"
#include "master/execution/principal.h"
#include "master/routing/any_copy.h"
#include "master/routing/upkeep_router.h"

namespace dl::master {

// The client as a command sees it; implemented by each protocol. What comes before the reply is sent from
// here, in order; each call completes when there is room for more, with UNAVAILABLE when the client is gone
// or reads nothing. From the session's executor.
class CommandClient {
  public:
    virtual ~CommandClient() = default;
    // Records of a StreamRead in the format it asked for.
    virtual boost::asio::awaitable<Result<void>> records(SharedBytes frame) = 0;
    // Of a CompressTable that asked for it.
    virtual boost::asio::awaitable<Result<void>> progress(CompressProgress now) = 0;
    // The report on one partition of a CheckTable: a JSON object.
    virtual boost::asio::awaitable<Result<void>> partition_checked(std::string report) = 0;

    // From now on the command is cancelled when the client leaves, and with UNAVAILABLE when the master
    // stops: for what only reads.
    virtual void cancel_when_client_leaves() = 0;
    // While true the command only waits for others: it is cancelled with UNAVAILABLE when the master stops.
    virtual void waiting(bool waits) = 0;
    // While true the command waits for what slaves were sent to write: a killer stops it behind that only.
    virtual void writing(bool writes) = 0;
    // Cancels the command with these words, from any thread, also when it is over. Of the command that runs.
    virtual std::function<void(std::string said)> killer() = 0;
};

struct CommandContext {
    Principal principal;
    CommandClient& client;
    std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
    // Set by execute_command() once the command is read.
    rpc::Deadline deadline{};
    bool has_timeout = false;  // the deadline is one that the client asked for
    std::shared_ptr<QueryCancel> cancel = std::make_shared<QueryCancel>();
    // Of the connection, for commands with any_copy; none: they read from leaders.
    std::shared_ptr<AnyCopyReads> any_copies = nullptr;
};

}  // namespace dl::master
