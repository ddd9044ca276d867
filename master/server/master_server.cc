#include "master/server/master_server.h"

#include <utility>

#include "common/base/check.h"
#include "common/base/log.h"
#include "master/protocol/native/reply_codec.h"

namespace dl::master {
namespace {

// What all sessions share.
struct Shared {
    Shared(Services& of_master, const ServerOptions& options)
        : services(of_master), request_bytes(options.request_bytes_max), session(options.session) {}

    Services& services;
    net::ByteBudget request_bytes;
    const SessionOptions session;
};

}  // namespace

Result<std::unique_ptr<MasterServer>> MasterServer::start(net::NetPool& pool, Services& services,
                                                          ServerOptions options) {
    net::SessionServerOptions listening;
    listening.sessions_max = options.sessions_max;
    listening.config_key = "master.data.port";
    listening.session_executor = [&pool] { return pool.executor(); };
    listening.refusal = error_reply(make_error(
        ErrorCode::overloaded, "as many clients are connected as master.sessions.max allows (" +
                                   std::to_string(options.sessions_max) + "); close some, or raise it"));
    auto make_session = [shared = std::make_shared<Shared>(services, options)](
                            std::uint64_t id, net::Connection connection, net::SessionTicket ticket) {
        log_debug("master.server", "connected", {{"connection", id}, {"peer", connection.peer()}});
        return std::make_shared<ClientSession>(id, std::move(connection), std::move(ticket), shared->services,
                                               shared->request_bytes, shared->session);
    };
    DL_TRY_ASSIGN(auto sessions, net::SessionServer::start(pool.executor_of(0), options.address,
                                                           std::move(listening), std::move(make_session)));
    return std::unique_ptr<MasterServer>(new MasterServer(std::move(sessions)));
}

MasterServer::~MasterServer() {
    const bool ended = stop(std::chrono::milliseconds(0));
    DL_CHECK(ended, "the sessions of a server end before what they use");
}

}  // namespace dl::master
