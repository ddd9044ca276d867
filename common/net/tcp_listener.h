// Listens on one address and hands accepted connections to a callback. Goes on when the process is out of
// file descriptors or memory (pauses, logs at most once a second), and refuses connections beyond a limit
// with a few prepared bytes.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "common/base/error.h"
#include "common/net/tcp_connection.h"

namespace dl::net {

// Counts one session of a listener for as long as it lives.
class SessionTicket {
  public:
    SessionTicket() = default;
    explicit SessionTicket(std::shared_ptr<void> count) : count_(std::move(count)) {}

  private:
    std::shared_ptr<void> count_;
};

struct ListenerOptions {
    std::size_t sessions_max = 20000;
    std::string refusal;  // sent (as far as it fits into the socket) to connections beyond the limit
    std::string config_key = "address";  // named in the "address in use" error
    int backlog = 4096;
    std::chrono::milliseconds pause_when_exhausted{100};
};

class TcpListener {
  public:
    // Called on `executor`; the connection already lives on the executor that `pick` gave for it.
    using OnConnection = std::function<void(TcpConnection connection, SessionTicket ticket)>;

    // Binds and listens (SO_REUSEADDR; port 0 picks one). UNAVAILABLE "address 127.0.0.1:7853 is in use by
    // another process; ..." or what else is wrong.
    static Result<std::shared_ptr<TcpListener>> listen(boost::asio::any_io_executor executor,
                                                       const std::string& address,
                                                       ListenerOptions options = {});
    virtual ~TcpListener() = default;

    // Begins to accept; once.
    virtual void start(std::function<boost::asio::any_io_executor()> pick, OnConnection on_connection) = 0;
    // Stops accepting; connections handed out live on. Any thread, idempotent.
    virtual void stop() = 0;
    virtual std::uint16_t port() const = 0;
    virtual std::string address() const = 0;  // "127.0.0.1:7853", with the port in use
    virtual std::size_t sessions() const = 0;
};

}  // namespace dl::net
