// The client port: accepts connections, gives each a session on one of the event loops, drains them at the
// end.
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
    ~MasterServer();

    std::string address() const;  // with the port in use
    std::uint16_t port() const;
    std::size_t sessions() const;
    // No new connections, idle ones are closed, running statements may end until `grace` has passed; then all
    // are closed. Blocks until the last session is gone. Not from a thread of the pool. Idempotent.
    void stop(std::chrono::milliseconds grace);

  private:
    struct State;
    explicit MasterServer(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

}  // namespace dl::master
