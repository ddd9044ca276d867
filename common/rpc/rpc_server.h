// The slave's side of messages.h: accepts connections, reads requests, runs one handler coroutine per
// request. When the peer closes the connection, the running handler is cancelled through Asio cancellation
// and RpcCall::cancelled().
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/base/error.h"
#include "common/base/shared_bytes.h"
#include "common/net/connection.h"
#include "common/rpc/messages.h"

namespace dl::rpc {

// One request being answered. Lives until its handler returns.
class RpcCall {
  public:
    virtual ~RpcCall() = default;
    virtual std::string_view json() const = 0;
    virtual const SharedBytes& attachment() const = 0;
    // Sends one data frame; waits until the socket takes it (back-pressure). UNAVAILABLE when the peer is
    // gone.
    virtual boost::asio::awaitable<Result<void>> send_data(std::string_view bytes) = 0;
    virtual boost::asio::awaitable<Result<void>> send_data(std::vector<SharedBytes> parts) = 0;
    // Each element one data frame, all in one gathered write: for many small frames.
    virtual boost::asio::awaitable<Result<void>> send_frames(std::vector<SharedBytes> frames) = 0;
    // The same, together with the end of the reply: for a whole small answer, in one write. Once, and no
    // other data after it; nothing is sent when the handler fails.
    virtual void send_with_end(std::vector<SharedBytes> frames) = 0;
    // Each element the parts of one data frame: for an answer whose frames share what is in memory.
    virtual void send_with_end(std::vector<std::vector<SharedBytes>> frames) = 0;
    // Set when the peer has gone away; blocking work polls it from any thread. The handler sets `on_cancel`
    // (one at a time) on its own executor, where it is called when the peer goes, or at once when it has
    // gone; not after the handler has returned. A handler's awaits do not throw when cancelled: they end
    // early, and it looks here.
    virtual bool cancelled() const = 0;
    virtual void on_cancel(std::function<void()> callback) = 0;
    virtual std::uint64_t connection_id() const = 0;
};

// The value is the JSON of the end frame; an error becomes the error frame.
using RpcHandler = std::function<boost::asio::awaitable<Result<std::string>>(RpcCall&)>;

struct RpcServerOptions {
    std::size_t request_bytes_max = 1u << 30;
    std::size_t connections_max = 8192;
    std::size_t requests_bytes_in_flight_max = 2u << 30;  // all connections together; more wait
    // Gives each connection its event loop (NetPool::executor); empty: all on the listener's.
    std::function<boost::asio::any_io_executor()> session_executor;
    net::TransferLimits transfer;        // of one frame, in and out
    std::string config_key = "address";  // named in the "address in use" error
    std::string connections_config_key = "connections.max";
};

class RpcServer {
  public:
    virtual ~RpcServer() = default;
    // Listens on host:port (port 0 picks one). UNAVAILABLE "address in use" names the address and the way
    // out.
    static Result<std::shared_ptr<RpcServer>> listen(boost::asio::any_io_executor executor,
                                                     const std::string& address,
                                                     std::map<Method, RpcHandler> handlers,
                                                     RpcServerOptions options = {});
    virtual std::uint16_t port() const = 0;
    // Stops accepting, lets running requests finish until `grace` has passed, then closes. Blocks until all
    // are gone; false when some would not end (SessionServer::stop). Not from a thread of the loops.
    [[nodiscard]] virtual bool stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace dl::rpc
