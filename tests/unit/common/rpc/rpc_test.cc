#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <thread>

#include "common/async/async_event.h"
#include "common/async/run_on.h"
#include "common/rpc/frame_codec.h"
#include "common/rpc/rpc_client.h"
#include "common/rpc/rpc_server.h"
#include "tests/support/eventually.h"
#include "tests/unit/common/net/run_coroutine.h"
#include "tests/unit/common/net/serve.h"

namespace dl::rpc {
namespace {

namespace asio = boost::asio;
using test::in_ms;
using namespace std::chrono_literals;

asio::awaitable<void> sleep_ms(int ms) {
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(ms));
    (void)co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

using dl::test::eventually;

class RpcTest : public ::testing::Test {
  protected:
    static asio::awaitable<Result<std::string>> echo(RpcCall& call) {
        if (!call.attachment().empty()) {
            if (auto sent = co_await call.send_data(call.attachment().view()); sent.has_error())
                co_return std::move(sent).error();
        }
        co_return std::string(call.json());
    }

    std::map<Method, RpcHandler> handlers() {
        std::map<Method, RpcHandler> all;
        all[Method::ping] = echo;
        all[Method::append] = echo;
        all[Method::offsets] = [](RpcCall&) -> asio::awaitable<Result<std::string>> {
            co_return make_error(ErrorCode::table_not_found, "table 7 is not on this slave");
        };
        // Endless data; `sent_` counts frames taken by the socket.
        all[Method::read] = [this](RpcCall& call) -> asio::awaitable<Result<std::string>> {
            const std::string frame(1u << 20, 'x');
            for (;;) {
                auto sent = co_await call.send_data(frame);
                if (sent.has_error()) {
                    ++stopped_;
                    co_return std::move(sent).error();
                }
                ++sent_;
            }
        };
        // Waits until cancelled.
        all[Method::wait] = [this](RpcCall& call) -> asio::awaitable<Result<std::string>> {
            call.on_cancel([this] { ++callbacks_; });
            ++waiting_;
            co_await sleep_ms(20000);
            if (call.cancelled()) ++stopped_;
            co_return std::string("{}");
        };
        // Blocks a pool thread until the flag is seen there.
        all[Method::query] = [this](RpcCall& call) -> asio::awaitable<Result<std::string>> {
            ++waiting_;
            auto work = [&call] {
                for (int i = 0; i < 5000 && !call.cancelled(); ++i)
                    std::this_thread::sleep_for(1ms);
                return call.cancelled();
            };
            if (co_await run_on(workers_, work)) ++stopped_;
            co_return std::string("{}");
        };
        all[Method::check] = [](RpcCall& call) -> asio::awaitable<Result<std::string>> {
            std::vector<SharedBytes> frames;
            frames.push_back(SharedBytes::from_string("first"));
            frames.push_back(SharedBytes());
            frames.push_back(SharedBytes::from_string(std::string(200'000, 'z')));
            call.send_with_end(std::move(frames));
            if (call.json() == "fail") co_return make_error(ErrorCode::query_error, "no");
            co_return std::string("{\"rows\":3}");
        };
        all[Method::stats] = [](RpcCall&) -> asio::awaitable<Result<std::string>> {
            throw std::runtime_error("boom");
            co_return std::string();
        };
        return all;
    }

    void serve(std::uint16_t port = 0, RpcServerOptions options = {}) {
        options.session_executor = [this] { return pool_.executor(); };
        auto made =
            RpcServer::listen(pool_.executor_of(0), "127.0.0.1:" + std::to_string(port), handlers(), options);
        ASSERT_TRUE(made.has_value()) << made.error().to_text();
        server_ = *made;
        if (!client_)
            client_ = RpcClient::create(pool_.executor_of(1), "127.0.0.1:" + std::to_string(server_->port()));
    }
    void stop_server(int grace_ms = 100) {
        EXPECT_TRUE(server_->stop(std::chrono::milliseconds(grace_ms)));
        server_.reset();
    }
    template <class Make>
    auto run(Make make) {
        return test::run(pool_.executor_of(1), std::move(make));
    }
    ~RpcTest() override {
        if (server_) stop_server(0);
        client_.reset();
        pool_.stop();
    }

    net::NetPool pool_{"net", 2};
    WorkerPool workers_{"work", 1};
    std::shared_ptr<RpcServer> server_;
    std::shared_ptr<RpcClient> client_;
    std::atomic<int> sent_{0}, stopped_{0}, waiting_{0}, callbacks_{0};
};

TEST_F(RpcTest, FramesThatAreSentWithTheEnd) {
    serve();
    run([&]() -> asio::awaitable<void> {
        for (int i = 0; i < 2; ++i) {
            auto reply = co_await client_->call(Method::check, "{}", {}, in_ms(5000));
            EXPECT_EQ(reply->end_json, "{\"rows\":3}");
            EXPECT_EQ(reply->data.size(), 3u);
            EXPECT_EQ(reply->data[0].view(), "first");
            EXPECT_TRUE(reply->data[1].empty());
            EXPECT_EQ(reply->data[2].view(), std::string(200'000, 'z'));
            auto opened = co_await client_->open(Method::check, "fail", {}, in_ms(5000));
            auto frame = co_await (*opened)->next(in_ms(5000));
            EXPECT_EQ(frame.error().code, ErrorCode::query_error) << "before any data";
        }
    });
}

TEST_F(RpcTest, CarriesJsonAttachmentsAndErrors) {
    serve();
    run([&]() -> asio::awaitable<void> {
        std::vector<SharedBytes> parts;
        parts.push_back(SharedBytes::from_string("abc"));
        parts.push_back(SharedBytes::from_string(std::string(3000000, 'z')));
        auto reply = co_await client_->call(Method::append, "{\"x\":1}", parts, in_ms(5000));
        EXPECT_EQ(reply->end_json, "{\"x\":1}");
        EXPECT_EQ(reply->data.size(), 1u);
        EXPECT_EQ(reply->data[0].size(), 3000003u);
        EXPECT_EQ(reply->data[0].view().substr(0, 4), "abcz");
        auto error = co_await client_->call(Method::offsets, "{}", {}, in_ms(5000));
        EXPECT_EQ(error.error().to_text(), "TABLE_NOT_FOUND: table 7 is not on this slave");
        auto unknown = co_await client_->call(Method::compress, "{}", {}, in_ms(5000));
        EXPECT_EQ(unknown.error().code, ErrorCode::not_supported);
        auto thrown = co_await client_->call(Method::stats, "{}", {}, in_ms(5000));
        EXPECT_EQ(thrown.error().code, ErrorCode::internal);
        // All on one connection, which stayed in step.
        auto again = co_await client_->call(Method::ping, "{}", {}, in_ms(5000));
        EXPECT_EQ(again->end_json, "{}");
        EXPECT_TRUE(client_->reachable());
    });
}

TEST_F(RpcTest, ManyCallersAtOnceFromSeveralLoops) {
    serve();
    std::vector<std::future<int>> all;
    for (int i = 0; i < 200; ++i)
        all.push_back(asio::co_spawn(
            pool_.executor(),
            [&, i]() -> asio::awaitable<int> {
                int right = 0;
                for (int k = 0; k < 20; ++k) {
                    const auto text = std::to_string(i * 1000 + k);
                    auto reply = co_await client_->call(Method::ping, text, {}, in_ms(10000));
                    right += reply.has_value() && reply->end_json == text ? 1 : 0;
                }
                co_return right;
            },
            asio::use_future));
    for (auto& one : all)
        EXPECT_EQ(one.get(), 20);
}

// The reader takes one frame and rests: the server stops in the socket instead of buffering.
TEST_F(RpcTest, StreamsWithBackPressureAndClosingCancels) {
    serve();
    run([&]() -> asio::awaitable<void> {
        auto stream = co_await client_->open(Method::read, "{}", {}, in_ms(5000));
        auto first = co_await (*stream)->next(in_ms(5000));
        EXPECT_EQ((*first)->size(), 1u << 20);
        int taken = -1;
        for (int i = 0; i < 50 && taken != sent_; ++i) {
            taken = sent_;
            co_await sleep_ms(50);
        }
        EXPECT_EQ(sent_, taken);
        EXPECT_LT(taken, 40);
        for (int i = 0; i < 10; ++i)
            (void)co_await (*stream)->next(in_ms(5000));
        stream->reset();
    });
    EXPECT_TRUE(eventually([&] { return stopped_ == 1; }));
}

TEST_F(RpcTest, DeadlineEndsTheCallAndTheHandler) {
    serve();
    run([&]() -> asio::awaitable<void> {
        const auto begin = std::chrono::steady_clock::now();
        auto reply = co_await client_->call(Method::wait, "{}", {}, in_ms(30));
        EXPECT_EQ(reply.error().code, ErrorCode::timeout) << reply.error().to_text();
        EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
    });
    EXPECT_TRUE(eventually([&] { return stopped_ == 1 && callbacks_ == 1; }));
}

TEST_F(RpcTest, CancellingTheCallerCancelsTheHandler) {
    serve();
    run([&]() -> asio::awaitable<void> {
        using namespace asio::experimental::awaitable_operators;
        const auto won = co_await (client_->call(Method::query, "{}", {}, in_ms(20000)) || sleep_ms(30));
        EXPECT_EQ(won.index(), 1u);
    });
    EXPECT_TRUE(eventually([&] { return stopped_ == 1; }));
}

TEST_F(RpcTest, DeadSlaveIsNamedAndALongBackOffFailsAtOnce) {
    serve();
    const auto address = client_->address();
    stop_server(0);
    run([&]() -> asio::awaitable<void> {
        auto first = co_await client_->call(Method::append, "{}", {}, in_ms(5000));
        EXPECT_EQ(first.error().code, ErrorCode::unavailable);
        EXPECT_NE(first.error().message.find("slave " + address), std::string::npos) << first.error().message;
        EXPECT_FALSE(client_->reachable());
        // Short back-offs are waited out; they double until one is long enough to fail at once.
        std::string message;
        for (int i = 0; i < 8 && message.find("next try in") == std::string::npos; ++i) {
            auto next = co_await client_->call(Method::ping, "{}", {}, in_ms(5000));
            EXPECT_EQ(next.error().code, ErrorCode::unavailable);
            message = next.error().message;
        }
        EXPECT_NE(message.find("next try in"), std::string::npos) << message;
    });
}

// Pooled connections die with the slave; after its return calls work without a restart of the client.
TEST_F(RpcTest, ReconnectsAfterTheSlaveIsBack) {
    serve();
    const auto port = server_->port();
    const auto ping = [&] {
        return run([&]() -> asio::awaitable<bool> {
            auto reply = co_await client_->call(Method::append, "{}", {}, in_ms(5000));
            co_return reply.has_value();
        });
    };
    EXPECT_TRUE(ping());
    for (int round = 0; round < 3; ++round) {
        stop_server(0);
        EXPECT_FALSE(ping());
        EXPECT_FALSE(ping());
        serve(port);
        EXPECT_TRUE(eventually(ping));
        EXPECT_TRUE(client_->reachable());
    }
}

// A restart between two calls: the stale pooled connection is seen before use, nothing fails.
TEST_F(RpcTest, StalePooledConnectionsAreNotUsed) {
    serve();
    const auto port = server_->port();
    for (int round = 0; round < 3; ++round) {
        run([&]() -> asio::awaitable<void> {
            auto reply = co_await client_->call(Method::append, "{}", {}, in_ms(5000));
            EXPECT_TRUE(reply.has_value()) << reply.error().to_text();
        });
        stop_server(0);
        serve(port);
    }
}

// A peer that takes the request and closes without an answer.
TEST_F(RpcTest, LostAfterSendingIsUnknownForChangesAndUnavailableForReads) {
    auto listener = test::serve(pool_, [](net::Connection& connection) -> asio::awaitable<void> {
        char bytes[14];
        (void)co_await connection.read_exactly(bytes, sizeof bytes, net::kNoDeadline);
        connection.close();
    });
    auto client = RpcClient::create(pool_.executor_of(1), listener->address());
    run([&]() -> asio::awaitable<void> {
        auto change = co_await client->call(Method::append, "{}", {}, in_ms(5000));
        EXPECT_EQ(change.error().code, ErrorCode::unknown_outcome) << change.error().to_text();
        auto query = co_await client->call(Method::query, "{}", {}, in_ms(5000));
        EXPECT_EQ(query.error().code, ErrorCode::unavailable) << query.error().to_text();
    });
    EXPECT_TRUE(listener->stop(0ms));
}

// A peer that answers with something else.
TEST_F(RpcTest, GarbageAndOversizeRepliesAreErrors) {
    for (const auto& bytes :
         {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string("\xff\xff\xff\xff\x02\x80\0\0", 8),
          std::string("\x04\0\0\0\x02\x07\0\0", 8), std::string("\x04\0\0", 3)}) {
        auto listener = test::serve(pool_, [bytes](net::Connection& connection) -> asio::awaitable<void> {
            char request[14];
            (void)co_await connection.read_exactly(request, sizeof request, net::kNoDeadline);
            (void)co_await connection.write(bytes, {});
        });
        auto client = RpcClient::create(pool_.executor_of(1), listener->address());
        run([&]() -> asio::awaitable<void> {
            auto reply = co_await client->call(Method::ping, "{}", {}, in_ms(5000));
            EXPECT_TRUE(reply.has_error());
            EXPECT_NE(reply.error().code, ErrorCode::timeout);
        });
        EXPECT_TRUE(listener->stop(0ms));
    }
}

class RawPeer {
  public:
    explicit RawPeer(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    ~RawPeer() { ::close(fd_); }
    void send(std::string_view bytes) { (void)::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
    std::string receive_all() { return receive(std::string::npos); }
    // At most, less when there is no more.
    std::string receive(std::size_t size) {
        std::string all;
        char bytes[4096];
        timeval timeout{5, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        for (ssize_t got = 0; all.size() < size; all.append(bytes, static_cast<std::size_t>(got)))
            if ((got = ::recv(fd_, bytes, std::min(sizeof bytes, size - all.size()), 0)) <= 0) break;
        return all;
    }

  private:
    int fd_;
};

TEST_F(RpcTest, ServerAnswersGarbageWithAnErrorAndCloses) {
    serve(0, {.request_bytes_max = 1u << 20});
    const std::string header_2mb("\x04\0\x20\0\x02\x01\0\0", 8);
    const std::string json_too_long("\x0a\0\0\0\x02\x01\0\0\xff\0\0\0{}", 14);
    const std::string wrong_version("\x0a\0\0\0\x03\x01\0\0\x02\0\0\0{}", 14);
    for (const auto& bytes : {std::string("GET / HTTP/1.1\r\n\r\n"), header_2mb, json_too_long, wrong_version,
                              std::string(8, '\0'), std::string(8, '\xff')}) {
        RawPeer peer(server_->port());
        peer.send(bytes);
        const auto reply = peer.receive_all();
        ASSERT_GT(reply.size(), kFrameHeaderBytes);
        EXPECT_EQ(static_cast<std::uint8_t>(reply[5]), static_cast<std::uint8_t>(ReplyType::error));
    }
    run([&]() -> asio::awaitable<void> {
        auto reply = co_await client_->call(Method::ping, "{}", {}, in_ms(5000));
        EXPECT_TRUE(reply.has_value());
        std::vector<SharedBytes> parts;
        parts.push_back(SharedBytes::from_string(std::string(2u << 20, 'x')));
        auto large = co_await client_->call(Method::append, "{}", parts, in_ms(5000));
        EXPECT_TRUE(large.has_error());
    });
}

// A node without processor time finds requests, and the end of the connection, all at once. What an answer
// still has to do behind its last step must find its session alive: AddressSanitizer says when it does not.
TEST_F(RpcTest, RequestsThatComeTogetherWithTheEndOfTheirConnection) {
    serve();
    const auto prefix = encode_request_prefix(Method::ping, 2, 0);
    const auto request = std::string(prefix.data(), prefix.size()) + "{}";
    for (int round = 0; round < 20; ++round) {
        std::promise<void> go;
        const auto held = go.get_future().share();
        std::vector<std::unique_ptr<RawPeer>> peers;
        for (int i = 0; i < 32; ++i)
            peers.push_back(std::make_unique<RawPeer>(server_->port()));
        for (const auto& peer : peers) {
            peer->send(request);
            EXPECT_EQ(peer->receive(kFrameHeaderBytes + 2).size(), kFrameHeaderBytes + 2);
        }
        for (std::size_t i = 0; i < 2; ++i)
            asio::post(pool_.executor_of(i), [held] { held.wait(); });
        for (const auto& peer : peers)
            peer->send(request + request + request);
        peers.clear();
        go.set_value();
    }
    run([&]() -> asio::awaitable<void> {
        auto reply = co_await client_->call(Method::ping, "{}", {}, in_ms(5000));
        EXPECT_TRUE(reply.has_value());
    });
}

TEST_F(RpcTest, HalfSentRequestsEndAtTheStallAndFreeTheirBudget) {
    RpcServerOptions options;
    options.transfer = {.stall = 150ms, .bytes_per_second_min = 1u << 30};
    options.requests_bytes_in_flight_max = 1u << 20;
    serve(0, options);
    // Two that claim 900 KB and stop half way would block all others for good if they kept their share.
    const auto prefix = encode_request_prefix(Method::append, 2, 900000);
    RawPeer a(server_->port()), b(server_->port());
    for (auto* peer : {&a, &b}) {
        peer->send(std::string_view(prefix.data(), prefix.size()));
        peer->send("{}");
        peer->send(std::string(300000, 'x'));
    }
    run([&]() -> asio::awaitable<void> {
        std::vector<SharedBytes> parts;
        parts.push_back(SharedBytes::from_string(std::string(500000, 'x')));
        auto reply = co_await client_->call(Method::append, "{}", parts, in_ms(10000));
        EXPECT_TRUE(reply.has_value());
    });
}

TEST_F(RpcTest, StopLetsRunningRequestsFinishThenCloses) {
    serve();
    auto running = asio::co_spawn(
        pool_.executor_of(1),
        [&]() -> asio::awaitable<Result<RpcReply>> {
            auto reply = co_await client_->call(Method::wait, "{}", {}, in_ms(20000));
            co_return std::move(reply);
        },
        asio::use_future);
    ASSERT_TRUE(eventually([&] { return waiting_ == 1; }));
    const auto begin = std::chrono::steady_clock::now();
    stop_server(100);
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_GE(took, 90ms);
    EXPECT_LT(took, 15s);
    EXPECT_EQ(running.get().error().code, ErrorCode::unavailable);
    EXPECT_EQ(stopped_, 1);
}

TEST_F(RpcTest, ConnectionsBeyondTheLimitWaitUntilTheirDeadline) {
    serve();
    RpcClientOptions options;
    options.connections_max = 2;
    auto client = RpcClient::create(pool_.executor_of(1), client_->address(), options);
    run([&]() -> asio::awaitable<void> {
        auto one = co_await client->open(Method::read, "{}", {}, in_ms(5000));
        auto two = co_await client->open(Method::read, "{}", {}, in_ms(5000));
        auto three = co_await client->call(Method::append, "{}", {}, in_ms(30));
        EXPECT_EQ(three.error().code, ErrorCode::overloaded) << three.error().to_text();
        auto ping = co_await client->call(Method::ping, "{}", {}, in_ms(5000));
        EXPECT_TRUE(ping.has_value()) << "the health of a slave is not a matter of how busy it is";
        one->reset();
        auto four = co_await client->call(Method::append, "{}", {}, in_ms(5000));
        EXPECT_TRUE(four.has_value());
    });
}

// Whoever only waits keeps nobody else from the slave.
TEST_F(RpcTest, WaitsHaveABoundOfTheirOwn) {
    serve();
    RpcClientOptions options;
    options.connections_max = 1;
    auto client = RpcClient::create(pool_.executor_of(1), client_->address(), options);
    run([&]() -> asio::awaitable<void> {
        std::vector<std::unique_ptr<RpcStream>> waiting;
        for (int i = 0; i < 6; ++i) {
            auto one = co_await client->open(Method::wait, "{}", {}, in_ms(5000));
            EXPECT_TRUE(one.has_value()) << i;
            if (one.has_value()) waiting.push_back(std::move(*one));
        }
        const auto before = std::chrono::steady_clock::now();
        auto beyond = co_await client->open(Method::wait, "{}", {}, in_ms(5000));
        EXPECT_EQ(beyond.error().code, ErrorCode::overloaded) << beyond.error().to_text();
        EXPECT_LT(std::chrono::steady_clock::now() - before, 2s) << "told at once";
        auto work = co_await client->call(Method::append, "{}", {}, in_ms(5000));
        EXPECT_TRUE(work.has_value());
        waiting.pop_back();
        auto again = co_await client->open(Method::wait, "{}", {}, in_ms(5000));
        EXPECT_TRUE(again.has_value());
    });
}

TEST(FrameCodec, HeaderRoundTripsAndRefusesWhatCannotBe) {
    const auto bytes = encode_frame_header(5, 1000);
    const auto header = decode_frame_header(bytes, 1000);
    EXPECT_EQ(header->type, 5);
    EXPECT_EQ(header->payload_bytes, 1000u);
    EXPECT_EQ(decode_frame_header(bytes, 999).error().code, ErrorCode::limit_exceeded);
    auto wrong = bytes;
    wrong[4] = 9;
    EXPECT_EQ(decode_frame_header(wrong, 1000).error().code, ErrorCode::invalid_request);
    wrong = bytes;
    wrong[7] = 1;
    EXPECT_EQ(decode_frame_header(wrong, 1000).error().code, ErrorCode::invalid_request);
    FrameHeaderBytes shortest{3, 0, 0, 0, 1, 1, 0, 0};
    EXPECT_EQ(decode_frame_header(shortest, 1000).error().code, ErrorCode::invalid_request);
    EXPECT_TRUE(split_request(SharedBytes::from_string("abc")).has_error());
    EXPECT_TRUE(split_request(SharedBytes::from_string(std::string("\x03\0\0\0{}", 6))).has_error());
    const auto request = split_request(SharedBytes::from_string(std::string("\x02\0\0\0{}tail", 10)));
    EXPECT_EQ(request->json.view(), "{}");
    EXPECT_EQ(request->attachment.view(), "tail");
}

}  // namespace
}  // namespace dl::rpc
