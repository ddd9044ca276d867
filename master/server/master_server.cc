#include "master/server/master_server.h"

#include <condition_variable>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/log.h"
#include "master/protocol/native/reply_codec.h"

namespace dl::master {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view kComponent = "master.server";

}  // namespace

struct MasterServer::State {
    State(net::NetPool& net_pool, Services& shared_services, ServerOptions server_options)
        : pool(net_pool),
          services(shared_services),
          options(std::move(server_options)),
          request_bytes(options.request_bytes_max) {}

    net::NetPool& pool;
    Services& services;
    const ServerOptions options;
    net::ByteBudget request_bytes;
    std::shared_ptr<net::TcpListener> listener;

    std::mutex mutex;
    std::condition_variable changed;
    std::uint64_t next_id = 1;
    std::size_t alive = 0;
    bool stopping = false;
    bool stopped = false;
    std::unordered_map<std::uint64_t, std::weak_ptr<ClientSession>> sessions;

    void ended(std::uint64_t id) {
        std::lock_guard lock(mutex);
        sessions.erase(id);
        --alive;
        changed.notify_all();
    }
    std::vector<std::shared_ptr<ClientSession>> living() {
        std::lock_guard lock(mutex);
        std::vector<std::shared_ptr<ClientSession>> list;
        for (auto& entry : sessions)
            if (auto session = entry.second.lock()) list.push_back(std::move(session));
        return list;
    }
    bool wait_for_end(steady_clock::time_point until) {
        std::unique_lock lock(mutex);
        return changed.wait_until(lock, until, [this] { return alive == 0; });
    }
};

namespace {

// Accepts one connection: the deleter tells the server when the session is gone.
template <class StatePtr>
void accept(const StatePtr& state, net::TcpConnection connection, net::SessionTicket ticket) {
    std::uint64_t id = 0;
    {
        std::lock_guard lock(state->mutex);
        if (state->stopping) return;
        id = state->next_id++;
        ++state->alive;
    }
    log_debug(kComponent, "connected", {{"connection", id}, {"peer", connection.peer()}});
    const auto executor = connection.executor();
    std::shared_ptr<ClientSession> session(
        new ClientSession(id, std::move(connection), std::move(ticket), state->services, state->request_bytes,
                          state->options.session),
        [state, id](ClientSession* gone) {
            delete gone;
            state->ended(id);
        });
    {
        std::lock_guard lock(state->mutex);
        state->sessions.emplace(id, session);
        if (state->stopping) session->drain();
    }
    boost::asio::post(executor, [session] { session->start(); });
}

}  // namespace

Result<std::unique_ptr<MasterServer>> MasterServer::start(net::NetPool& pool, Services& services,
                                                          ServerOptions options) {
    auto state = std::make_shared<State>(pool, services, std::move(options));
    net::ListenerOptions listening;
    listening.sessions_max = state->options.sessions_max;
    listening.config_key = "master.data.port";
    listening.refusal = error_reply(
        make_error(ErrorCode::overloaded, "as many clients are connected as master.sessions.max allows (" +
                                              std::to_string(state->options.sessions_max) +
                                              "); close some, or raise it"));
    DL_TRY_ASSIGN(state->listener, net::TcpListener::listen(pool.executor_of(0), state->options.address,
                                                            std::move(listening)));
    state->listener->start([state] { return state->pool.executor(); },
                           [state](net::TcpConnection connection, net::SessionTicket ticket) {
                               accept(state, std::move(connection), std::move(ticket));
                           });
    return std::unique_ptr<MasterServer>(new MasterServer(std::move(state)));
}

MasterServer::~MasterServer() {
    stop(std::chrono::milliseconds(0));
}

std::string MasterServer::address() const {
    return state_->listener->address();
}
std::uint16_t MasterServer::port() const {
    return state_->listener->port();
}

std::size_t MasterServer::sessions() const {
    std::lock_guard lock(state_->mutex);
    return state_->alive;
}

void MasterServer::stop(std::chrono::milliseconds grace) {
    {
        std::lock_guard lock(state_->mutex);
        if (state_->stopped) return;
        state_->stopped = state_->stopping = true;
    }
    state_->listener->stop();
    for (const auto& session : state_->living())
        session->drain();
    if (state_->wait_for_end(steady_clock::now() + grace)) return;
    for (const auto& session : state_->living())
        session->abort();
    // What blocks in a pool ends at its own deadline at the latest.
    while (!state_->wait_for_end(steady_clock::now() + std::chrono::seconds(1))) {
        for (const auto& session : state_->living())
            session->abort();
    }
}

}  // namespace dl::master
