// Prints the round trip of an empty request on loopback; asserts only that it is not absurd.
#include <gtest/gtest.h>

#include <algorithm>

#include "common/rpc/rpc_client.h"
#include "common/rpc/rpc_server.h"
#include "tests/unit/common/net/run_coroutine.h"

namespace dl::rpc {
namespace {

namespace asio = boost::asio;

TEST(RpcLatency, Ping) {
    net::NetPool server_pool("server", 1), client_pool("client", 1);
    std::map<Method, RpcHandler> handlers;
    handlers[Method::ping] = [](RpcCall&) -> asio::awaitable<Result<std::string>> {
        co_return std::string("{}");
    };
    auto server = *RpcServer::listen(server_pool.executor_of(0), "127.0.0.1:0", handlers);
    auto client =
        RpcClient::create(client_pool.executor_of(0), "127.0.0.1:" + std::to_string(server->port()));
    std::vector<double> micros;
    test::run(client_pool.executor_of(0), [&]() -> asio::awaitable<void> {
        for (int i = 0; i < 5500; ++i) {
            const auto begin = std::chrono::steady_clock::now();
            auto reply = co_await client->call(Method::ping, "{}", {}, begin + std::chrono::seconds(10));
            const auto took =
                std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin);
            if (reply.has_error()) throw std::runtime_error(reply.error().to_text());
            if (i >= 500) micros.push_back(took.count());
        }
    });
    std::sort(micros.begin(), micros.end());
    const auto p50 = micros[micros.size() / 2];
    std::printf("ping round trip: p50 %.1f us, p99 %.1f us\n", p50, micros[micros.size() * 99 / 100]);
    EXPECT_LT(p50, 5000.0);
    EXPECT_TRUE(server->stop(std::chrono::milliseconds(0)));
    client.reset();
    client_pool.stop();
    server_pool.stop();
}

}  // namespace
}  // namespace dl::rpc
