// Calls to one slave over a pool of connections, one request a connection (messages.h). Coroutines run on the
// caller's executor; the object is thread-safe and outlives its calls. Asio cancellation (e.g. awaitable
// operators) closes the connection, which cancels the request on the other side. Errors: UNAVAILABLE "slave
// HOST:PORT ..." when it cannot be reached (nothing was done; at once while a back-off of more than 250 ms
// lasts) or when a request that changes nothing lost its connection; UNKNOWN_OUTCOME when a changing one
// (append, compress, create, drop, update) did after it was sent; TIMEOUT at the deadline; otherwise what the
// slave answered.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/shared_bytes.h"
#include "common/rpc/messages.h"

namespace dl::rpc {

using Deadline = std::chrono::steady_clock::time_point;

struct RpcReply {
    std::string end_json;
    std::vector<SharedBytes> data;
};

// What became of a call that failed, beyond its error.
struct CallTrace {
    bool sent = false;  // the whole request went out; an incomplete one is never acted on
    bool lost = false;  // the connection broke after that: nobody told what became of the request
};

// A reply read frame by frame. next() gives data frames, then nullopt; end_json() is set after that.
// Destroying it before the end closes the connection.
class RpcStream {
  public:
    virtual ~RpcStream() = default;
    virtual boost::asio::awaitable<Result<std::optional<SharedBytes>>> next(Deadline deadline) = 0;
    virtual const std::string& end_json() const = 0;
    // The error of next() is that of the connection, not one that the slave told.
    virtual bool lost() const = 0;
};

struct RpcClientOptions {
    std::chrono::milliseconds connect_timeout{2000};
    std::chrono::milliseconds backoff_first{50};
    std::chrono::milliseconds backoff_max{2000};
    std::size_t idle_connections_max = 64;
    // Of requests that work: callers beyond wait until their deadline. `wait`, which costs a connection only,
    // may have six times as many of its own and is refused beyond, OVERLOADED; ping, register_node and
    // inventory have a few of their own.
    std::size_t connections_max = 1024;
    std::size_t reply_bytes_max = 512u << 20;  // one frame; and all of call()
};

class RpcClient {
  public:
    virtual ~RpcClient() = default;
    // Connections live on the event loop of the coroutine that calls and are reused by calls of that loop
    // only, so no reply crosses threads. The loops outlive the client.
    static std::shared_ptr<RpcClient> create(boost::asio::any_io_executor executor, std::string address,
                                             RpcClientOptions options = {});
    virtual const std::string& address() const = 0;
    // A whole reply collected in memory (bounded by reply_bytes_max). `trace` (may be null) is set when the
    // call fails; it lives until this completes.
    virtual boost::asio::awaitable<Result<RpcReply>> call(Method method, std::string json,
                                                          std::vector<SharedBytes> attachments,
                                                          Deadline deadline, CallTrace* trace = nullptr) = 0;
    virtual boost::asio::awaitable<Result<std::unique_ptr<RpcStream>>> open(
        Method method, std::string json, std::vector<SharedBytes> attachments, Deadline deadline,
        CallTrace* trace = nullptr) = 0;
    // True when the last attempt to connect succeeded or none was made.
    virtual bool reachable() const = 0;
};

}  // namespace dl::rpc
