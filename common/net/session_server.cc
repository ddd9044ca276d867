#include "common/net/session_server.h"

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <mutex>
#include <unordered_map>

#include "common/base/log.h"
#include "common/net/address.h"

namespace dl::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::steady_clock;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::string_view kComponent = "net.server";
constexpr std::size_t kRefusalsMax = 64;  // being told so at a time; further ones are just closed
constexpr std::chrono::milliseconds kRefusalPatience{500};
constexpr TransferLimits kRefusalTransfer{kRefusalPatience, 1u << 20};

// Who is served. Outlives the server while sessions do.
class Registry {
  public:
    // A place for one more session, with its number; 0 when the server stops or is full.
    std::uint64_t enter(std::size_t sessions_max, bool* full) {
        std::lock_guard lock(mutex_);
        *full = entries_.size() >= sessions_max;
        if (stopping_ || *full) return 0;
        const auto id = ++last_id_;
        entries_.emplace(id, Entry{});
        return id;
    }
    void leave(std::uint64_t id) {
        std::lock_guard lock(mutex_);
        entries_.erase(id);
        if (entries_.empty()) changed_.notify_all();
    }
    // Nothing when the server stops: the session ends unbegun.
    void begin(std::uint64_t id, const asio::any_io_executor& executor, std::shared_ptr<Session> session) {
        std::lock_guard lock(mutex_);
        if (stopping_) return;
        entries_[id] = Entry{executor, session};
        asio::post(executor, [session = std::move(session)] { session->start(); });
    }
    void stopping() {
        std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    // On each session's own loop, where it also dies.
    void for_each(void (Session::*act)()) {
        std::lock_guard lock(mutex_);
        for (const auto& [id, entry] : entries_)
            if (entry.executor)
                asio::post(entry.executor, [weak = entry.session, act] {
                    if (const auto session = weak.lock()) ((*session).*act)();
                });
    }
    void closed() {
        std::lock_guard lock(mutex_);
        listening_ = false;
        changed_.notify_all();
    }
    bool wait_for_end(steady_clock::time_point until) {
        std::unique_lock lock(mutex_);
        return changed_.wait_until(lock, until, [this] { return entries_.empty() && !listening_; });
    }
    std::size_t size() const {
        std::lock_guard lock(mutex_);
        return entries_.size();
    }

  private:
    struct Entry {
        asio::any_io_executor executor{};
        std::weak_ptr<Session> session{};
    };
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::unordered_map<std::uint64_t, Entry> entries_;
    std::uint64_t last_id_ = 0;
    bool listening_ = true;
    bool stopping_ = false;
};

// The process or the system has nothing left to accept with.
bool is_exhausted(const error_code& error) {
    return error == asio::error::no_descriptors || error == asio::error::no_buffer_space ||
           error == asio::error::no_memory || error == boost::system::errc::too_many_files_open_in_system;
}

// The connection that was to be accepted failed, the port itself is well (accept(2)).
bool is_of_the_peer(const error_code& error) {
    namespace errc = boost::system::errc;
    return error == errc::connection_aborted || error == errc::protocol_error ||
           error == errc::operation_not_permitted || error == errc::network_down ||
           error == errc::network_unreachable || error == errc::host_unreachable ||
           error == errc::no_protocol_option || error == errc::operation_not_supported ||
           error == errc::timed_out || error == errc::connection_reset;
}

std::string endpoint_text(const tcp::endpoint& endpoint) {
    return Address{endpoint.address().to_string(), endpoint.port()}.text();
}

class Server final : public SessionServer, public std::enable_shared_from_this<Server> {
  public:
    Server(tcp::acceptor acceptor, SessionServerOptions options, MakeSession make_session)
        : acceptor_(std::move(acceptor)),
          options_(std::move(options)),
          make_session_(std::move(make_session)),
          endpoint_(acceptor_.local_endpoint()),
          pause_(acceptor_.get_executor()) {}

    void start() {
        asio::co_spawn(acceptor_.get_executor(), accept_loop(shared_from_this()), asio::detached);
    }

    std::uint16_t port() const override { return endpoint_.port(); }
    std::string address() const override { return endpoint_text(endpoint_); }
    std::size_t sessions() const override { return registry_->size(); }

    bool stop(std::chrono::milliseconds grace, std::chrono::milliseconds force) override {
        registry_->stopping();
        asio::post(acceptor_.get_executor(), [self = shared_from_this()] {
            error_code ignored;
            self->stopping_ = true;
            self->acceptor_.close(ignored);
            self->pause_.cancel();
        });
        registry_->for_each(&Session::drain);
        if (registry_->wait_for_end(steady_clock::now() + grace)) return true;
        const auto until = steady_clock::now() + force;
        // Again and again: a session may have been between two things it could be aborted in.
        do {
            registry_->for_each(&Session::abort);
            const auto next = steady_clock::now() + std::chrono::seconds(1);
            if (registry_->wait_for_end(std::min(next, until))) return true;
        } while (steady_clock::now() < until);
        log_error(kComponent, "sessions have not ended",
                  {{"address", address()}, {"sessions", registry_->size()}});
        return false;
    }

  private:
    asio::any_io_executor session_executor() {
        return options_.session_executor ? options_.session_executor() : acceptor_.get_executor();
    }

    static asio::awaitable<void> accept_loop(std::shared_ptr<Server> self) {
        while (!self->stopping_) {
            const auto executor = self->session_executor();
            auto [error, socket] = co_await self->acceptor_.async_accept(executor, kAwait);
            if (self->stopping_ || error == asio::error::operation_aborted) break;
            if (!error) {
                try {
                    self->accepted(std::move(socket));
                } catch (const std::exception& exception) {  // out of memory
                    DL_LOG_LIMITED(1, LogLevel::error, kComponent, "a connection could not be served",
                                   {"address", self->address()}, {"cause", exception.what()});
                }
            } else if (!is_of_the_peer(error)) {
                // Without the pause a port that keeps failing would keep a core busy.
                DL_LOG_LIMITED(
                    1, LogLevel::warn, kComponent,
                    is_exhausted(error) ? "cannot accept, waiting" : "accepting failed, trying again",
                    {"address", self->address()}, {"cause", error.message()});
                self->pause_.expires_after(self->options_.pause_when_exhausted);
                (void)co_await self->pause_.async_wait(kAwait);
            }
        }
        self->registry_->closed();
    }

    void accepted(tcp::socket socket) {
        const auto executor = socket.get_executor();
        bool full = false;
        const auto id = registry_->enter(options_.sessions_max, &full);
        if (full) {
            DL_LOG_LIMITED(1, LogLevel::warn, kComponent, "connection refused, too many sessions",
                           {"address", address()}, {"sessions", registry_->size()});
            if (!options_.refusal.empty() && refusals_->load() < kRefusalsMax) {
                refusals_->fetch_add(1);
                asio::co_spawn(
                    executor,
                    refuse(Connection(std::move(socket), options_.transport), options_.refusal, refusals_),
                    asio::detached);
            }
            return;
        }
        if (id == 0) return;
        SessionTicket ticket(
            std::shared_ptr<void>(nullptr, [registry = registry_, id](void*) { registry->leave(id); }));
        registry_->begin(
            id, executor,
            make_session_(id, Connection(std::move(socket), options_.transport), std::move(ticket)));
    }

    // Tells why and waits a little for the peer to close: closing over its unread request would be a reset,
    // which throws away what it was told.
    static asio::awaitable<void> refuse(Connection connection, std::string refusal,
                                        std::shared_ptr<std::atomic<std::size_t>> refusals) {
        const auto told = co_await connection.write(refusal, kRefusalTransfer);
        if (told.has_value()) co_await connection.finish(kRefusalPatience);
        refusals->fetch_sub(1);
    }

    tcp::acceptor acceptor_;
    const SessionServerOptions options_;
    const MakeSession make_session_;
    const tcp::endpoint endpoint_;
    asio::steady_timer pause_;
    bool stopping_ = false;  // on the acceptor's executor
    const std::shared_ptr<Registry> registry_ = std::make_shared<Registry>();
    const std::shared_ptr<std::atomic<std::size_t>> refusals_ = std::make_shared<std::atomic<std::size_t>>(0);
};

Error listen_error(const std::string& address, const SessionServerOptions& options, const error_code& error) {
    if (error == asio::error::address_in_use)
        return make_error(ErrorCode::unavailable,
                          "address " + address +
                              " is in use by another process; stop it ('ss -ltnp' shows which) or set " +
                              options.config_key + " to another one");
    if (error == asio::error::access_denied)
        return make_error(ErrorCode::unavailable,
                          "address " + address +
                              " may not be used by this user (ports below 1024 need rights); set " +
                              options.config_key + " to another one");
    return make_error(ErrorCode::unavailable,
                      "cannot listen on " + address + " (" + options.config_key + "): " + error.message());
}

}  // namespace

Result<std::shared_ptr<SessionServer>> SessionServer::start(asio::any_io_executor executor,
                                                            const std::string& address,
                                                            SessionServerOptions options,
                                                            MakeSession make_session) {
    const auto target = parse_address(address);
    if (target.has_error())
        return make_error(target.error().code,
                          options.config_key + " = '" + address + "' " + target.error().message);
    error_code error;
    auto host = asio::ip::make_address(target->host, error);
    if (error) {
        // A name: resolved once, at start.
        tcp::resolver resolver(executor);
        const auto found = resolver.resolve(target->host, std::to_string(target->port), error);
        if (error || found.empty())
            return make_error(ErrorCode::unavailable,
                              "cannot listen on " + address + " (" + options.config_key +
                                  "): its name cannot be resolved: " + error.message());
        host = found.begin()->endpoint().address();
    }
    const tcp::endpoint endpoint(host, target->port);
    tcp::acceptor acceptor(executor);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(options.backlog, error);
    if (error) return listen_error(address, options, error);
    auto server = std::make_shared<Server>(std::move(acceptor), std::move(options), std::move(make_session));
    server->start();
    return std::shared_ptr<SessionServer>(std::move(server));
}

}  // namespace dl::net
