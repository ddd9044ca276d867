// A listening port and the sessions behind it: accepts within limits, tells the others why they are refused,
// keeps count of who is served, and ends them all, first gently, then by force, in bounded time. It goes on
// when the process is out of file descriptors or memory (pauses, logs at most once a second). What a session
// speaks is its own affair.
//
// Threads: accepting runs on one event loop, each session lives and dies on the loop it was given.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/base/error.h"
#include "common/net/connection.h"

namespace dl::net {

// One served connection. Called on the connection's loop only. It keeps itself alive while it has work; the
// server holds it weakly.
class Session {
  public:
    virtual ~Session() = default;
    virtual void start() = 0;
    // Takes no further request, answers what it has, ends.
    virtual void drain() = 0;
    // Ends at once, whatever runs is cancelled.
    virtual void abort() = 0;
};

// Counts a session for as long as it lives: the server's stop() waits for it. First member of a session, so
// that it goes last.
class SessionTicket {
  public:
    SessionTicket() = default;
    explicit SessionTicket(std::shared_ptr<void> count) : count_(std::move(count)) {}

  private:
    std::shared_ptr<void> count_;
};

struct SessionServerOptions {
    std::size_t sessions_max = 20000;
    std::string refusal;  // what connections beyond the limit are told, as it goes over the wire
    std::string config_key = "address";  // named in the "address in use" error
    int backlog = 4096;
    std::chrono::milliseconds pause_when_exhausted{100};
    // The loop of each session (NetPool::executor); empty: all on the listener's.
    std::function<boost::asio::any_io_executor()> session_executor;
    MakeTransport transport = plain_transport;
};

class SessionServer {
  public:
    // `id` is the number of the connection, from 1. Called on the listener's loop.
    using MakeSession = std::function<std::shared_ptr<Session>(std::uint64_t id, Connection connection,
                                                               SessionTicket ticket)>;

    // Binds (SO_REUSEADDR; port 0 picks one), listens and begins to accept. UNAVAILABLE "address
    // 127.0.0.1:7853 is in use by another process; ..." or what else is wrong. `make_session` and what it
    // refers to outlive the server's stop().
    static Result<std::shared_ptr<SessionServer>> start(boost::asio::any_io_executor executor,
                                                        const std::string& address,
                                                        SessionServerOptions options,
                                                        MakeSession make_session);
    virtual ~SessionServer() = default;

    virtual std::uint16_t port() const = 0;
    virtual std::string address() const = 0;  // "127.0.0.1:7853", with the port in use
    virtual std::size_t sessions() const = 0;

    // Closes the port, drains all sessions, and aborts those that have not ended after `grace`. True once
    // none is left; false when some have not ended within `force` more (a thread that hangs in the kernel,
    // say): what they use must not be taken away then. Blocks; not from a thread of the loops. May be called
    // again.
    [[nodiscard]] virtual bool stop(std::chrono::milliseconds grace,
                                    std::chrono::milliseconds force = std::chrono::seconds(30)) = 0;
};

}  // namespace dl::net
