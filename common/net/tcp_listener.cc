#include "common/net/tcp_listener.h"

#include <sys/socket.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/base/log.h"

namespace dl::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

bool is_exhausted(const error_code& error) {
    return error == asio::error::no_descriptors || error == asio::error::no_buffer_space ||
           error == asio::error::no_memory || error == boost::system::errc::too_many_files_open_in_system;
}

std::string endpoint_text(const tcp::endpoint& endpoint) {
    const auto host = endpoint.address().to_string();
    return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

class Listener final : public TcpListener, public std::enable_shared_from_this<Listener> {
  public:
    Listener(tcp::acceptor acceptor, ListenerOptions options)
        : acceptor_(std::move(acceptor)),
          options_(std::move(options)),
          endpoint_(acceptor_.local_endpoint()),
          pause_(acceptor_.get_executor()) {}

    void start(std::function<asio::any_io_executor()> pick, OnConnection on_connection) override {
        asio::co_spawn(acceptor_.get_executor(),
                       accept_loop(shared_from_this(), std::move(pick), std::move(on_connection)),
                       asio::detached);
    }

    void stop() override {
        asio::post(acceptor_.get_executor(), [self = shared_from_this()] {
            error_code ignored;
            self->stopping_ = true;
            self->acceptor_.close(ignored);
            self->pause_.cancel();
        });
    }

    std::uint16_t port() const override { return endpoint_.port(); }
    std::string address() const override { return endpoint_text(endpoint_); }
    std::size_t sessions() const override { return *sessions_; }

  private:
    using Count = std::atomic<std::size_t>;

    static asio::awaitable<void> accept_loop(std::shared_ptr<Listener> self,
                                             std::function<asio::any_io_executor()> pick,
                                             OnConnection on_connection) {
        while (!self->stopping_) {
            auto [error, socket] = co_await self->acceptor_.async_accept(pick(), kAwait);
            if (self->stopping_ || error == asio::error::operation_aborted) break;
            if (is_exhausted(error)) {
                DL_LOG_LIMITED(1, LogLevel::warn, "net.listener", "cannot accept, waiting",
                               {"address", self->address()}, {"cause", error.message()});
                self->pause_.expires_after(self->options_.pause_when_exhausted);
                (void)co_await self->pause_.async_wait(kAwait);
                continue;
            }
            if (error) continue;  // the peer has gone again
            if (self->sessions_->load() >= self->options_.sessions_max) {
                self->refuse(socket);
                continue;
            }
            self->sessions_->fetch_add(1);
            SessionTicket ticket(
                std::shared_ptr<void>(nullptr, [count = self->sessions_](void*) { count->fetch_sub(1); }));
            on_connection(TcpConnection(std::move(socket)), std::move(ticket));
        }
    }

    void refuse(tcp::socket& socket) {
        DL_LOG_LIMITED(1, LogLevel::warn, "net.listener", "connection refused, too many sessions",
                       {"address", address()}, {"sessions", sessions_->load()});
        if (!options_.refusal.empty())
            (void)::send(socket.native_handle(), options_.refusal.data(), options_.refusal.size(),
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        error_code ignored;
        socket.shutdown(tcp::socket::shutdown_send, ignored);
        socket.close(ignored);
    }

    tcp::acceptor acceptor_;
    const ListenerOptions options_;
    const tcp::endpoint endpoint_;
    asio::steady_timer pause_;
    bool stopping_ = false;  // on the acceptor's executor
    std::shared_ptr<Count> sessions_ = std::make_shared<Count>(0);
};

Error listen_error(const std::string& address, const ListenerOptions& options, const error_code& error) {
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

Result<std::shared_ptr<TcpListener>> TcpListener::listen(asio::any_io_executor executor,
                                                         const std::string& address,
                                                         ListenerOptions options) {
    auto target = parse_host_port(address);
    if (target.has_error()) return std::move(target).error();
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
    return std::shared_ptr<TcpListener>(std::make_shared<Listener>(std::move(acceptor), std::move(options)));
}

}  // namespace dl::net
