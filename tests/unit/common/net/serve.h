// A server whose sessions each run one coroutine over their connection, for tests.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <functional>
#include <memory>

#include "common/net/net_pool.h"
#include "common/net/session_server.h"

namespace dl::test {

using Serve = std::function<boost::asio::awaitable<void>(net::Connection&)>;

class CoroutineSession final : public net::Session, public std::enable_shared_from_this<CoroutineSession> {
  public:
    CoroutineSession(Serve serve, net::Connection connection, net::SessionTicket ticket)
        : ticket_(std::move(ticket)), serve_(std::move(serve)), connection_(std::move(connection)) {}
    void start() override {
        boost::asio::co_spawn(connection_.executor(), run(shared_from_this()), boost::asio::detached);
    }
    void drain() override { connection_.close(); }
    void abort() override { connection_.close(); }

  private:
    static boost::asio::awaitable<void> run(std::shared_ptr<CoroutineSession> self) {
        co_await self->serve_(self->connection_);
    }
    const net::SessionTicket ticket_;
    const Serve serve_;
    net::Connection connection_;
};

inline std::shared_ptr<net::SessionServer> serve(net::NetPool& pool, Serve serve,
                                                 net::SessionServerOptions options = {}) {
    options.session_executor = [&pool] { return pool.executor(); };
    auto server = net::SessionServer::start(
        pool.executor_of(0), "127.0.0.1:0", std::move(options),
        [serve](std::uint64_t, net::Connection connection, net::SessionTicket ticket) {
            return std::make_shared<CoroutineSession>(serve, std::move(connection), std::move(ticket));
        });
    if (server.has_error()) ADD_FAILURE() << server.error().to_text();
    return *server;
}

}  // namespace dl::test
