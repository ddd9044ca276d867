// The client port: native sessions behind a SessionServer.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "common/net/net_pool.h"
#include "master/protocol/native/session.h"

namespace dl::master {

struct ServerOptions {
    std::string address;  // host:port
    std::size_t sessions_max = limits::sessions_max_default;
    std::size_t request_bytes_max = limits::request_bytes_in_flight_max_default;  // of all sessions
    SessionOptions session;
};

class MasterServer {
  public:
    // Listens and serves. `pool` and `services` outlive the server.
    static Result<std::unique_ptr<MasterServer>> start(net::NetPool& pool, Services& services,
                                                       ServerOptions options);
    ~MasterServer();  // stops at once

    std::string address() const { return sessions_->address(); }  // with the port in use
    std::uint16_t port() const { return sessions_->port(); }
    std::size_t sessions() const { return sessions_->sessions(); }
    // No new connections, idle ones are closed, running statements may end until `grace` has passed; then all
    // are closed. Blocks until the last session is gone; false when some would not end
    // (SessionServer::stop). Not from a thread of the pool. Idempotent.
    [[nodiscard]] bool stop(std::chrono::milliseconds grace) { return sessions_->stop(grace); }

  private:
    explicit MasterServer(std::shared_ptr<net::SessionServer> sessions) : sessions_(std::move(sessions)) {}
    const std::shared_ptr<net::SessionServer> sessions_;
};

}  // namespace dl::master
