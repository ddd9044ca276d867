#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fstream>
#include <thread>

#include "common/async/async_event.h"
#include "common/net/process.h"
#include "common/net/session_server.h"
#include "tests/unit/common/net/peer.h"
#include "tests/unit/common/net/run_coroutine.h"
#include "tests/unit/common/net/serve.h"

namespace dl::net {
namespace {

namespace asio = boost::asio;
using test::in_ms;
using test::Peer;
using namespace std::chrono_literals;

std::size_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::size_t total = 0, resident = 0;
    statm >> total >> resident;
    return resident * 4096;
}

class ConnectionTest : public ::testing::Test {
  protected:
    void listen(test::Serve serve, SessionServerOptions options = {}) {
        listener_ = test::serve(pool_, std::move(serve), std::move(options));
    }
    ~ConnectionTest() override {
        if (listener_) {
            EXPECT_TRUE(listener_->stop(0ms));
        }
        pool_.stop();
    }

    NetPool pool_{"net", 2};
    std::shared_ptr<SessionServer> listener_;
};

TEST_F(ConnectionTest, MovesSmallAndLargeBodiesBothWays) {
    listen([](Connection& c) -> asio::awaitable<void> {
        for (;;) {
            std::uint32_t size = 0;
            if ((co_await c.read_exactly(&size, 4, kNoDeadline)).has_error()) co_return;
            auto body = co_await c.read_body(size, {});
            if (body.has_error()) co_return;
            const std::array<std::string_view, 3> parts{std::string_view(reinterpret_cast<char*>(&size), 4),
                                                        "", body->view()};
            if ((co_await c.write(parts, {})).has_error()) co_return;
        }
    });
    Peer peer(listener_->port());
    std::string pipelined;
    for (const std::uint32_t size : {0u, 1u, 2044u, 2045u, 5000u, 65536u, 65537u, 1000000u, 9000001u}) {
        std::string body(size, '\0');
        for (std::size_t i = 0; i < size; ++i)
            body[i] = static_cast<char>(i * 31 + size);
        std::string frame(reinterpret_cast<const char*>(&size), 4);
        frame += body;
        std::thread sender([&] { peer.send(frame); });
        EXPECT_TRUE(peer.receive(frame.size()) == frame) << size;
        sender.join();
        if (size <= 2045) pipelined += frame;
    }
    peer.send(pipelined);
    EXPECT_TRUE(peer.receive(pipelined.size()) == pipelined);
}

// Claims 256 MiB each and sends a little: memory follows what arrives, and the stall ends it.
TEST_F(ConnectionTest, LiarsCostNothingAndEndAtTheStall) {
    std::atomic<int> timeouts{0};
    listen([&](Connection& c) -> asio::awaitable<void> {
        auto body = co_await c.read_body(256u << 20, {.stall = 300ms, .bytes_per_second_min = 1u << 30});
        if (body.has_error() && body.error().code == ErrorCode::timeout) ++timeouts;
    });
    const auto before = resident_bytes();
    std::vector<Peer> peers;
    for (int i = 0; i < 50; ++i) {
        peers.emplace_back(listener_->port());
        peers.back().send("x");
    }
    std::this_thread::sleep_for(100ms);
    EXPECT_LT(resident_bytes(), before + (30u << 20));
    for (int i = 0; i < 200 && timeouts < 50; ++i)
        std::this_thread::sleep_for(10ms);
    EXPECT_EQ(timeouts, 50);
}

// A byte now and then satisfies the stall but not the least rate.
TEST_F(ConnectionTest, SlowSendersAreEndedByTheLeastRate) {
    AsyncEvent done;
    ErrorCode code = ErrorCode::internal;
    listen([&](Connection& c) -> asio::awaitable<void> {
        auto body = co_await c.read_body(1000, {.stall = 100ms, .bytes_per_second_min = 10000});
        code = body.has_error() ? body.error().code : ErrorCode::internal;
        done.set();
    });
    Peer peer(listener_->port());
    for (int i = 0; i < 12 && !done.is_set(); ++i) {
        (void)::send(peer.fd(), "x", 1, MSG_NOSIGNAL);
        std::this_thread::sleep_for(30ms);
    }
    EXPECT_TRUE(done.is_set());
    EXPECT_EQ(code, ErrorCode::timeout);
}

TEST_F(ConnectionTest, BudgetIsTakenForLargeBodiesOnlyAfterBytesArrived) {
    ByteBudget budget(1u << 20);
    std::atomic<std::size_t> during{0};
    std::atomic<bool> ended{false};
    listen([&](Connection& c) -> asio::awaitable<void> {
        {
            ByteBudget::Share share;
            const BodyMemory memory{&budget, &share};
            auto body = co_await c.read_body(500000, {}, kNoDeadline, memory);
            during = share.bytes();
        }
        ended = true;
    });
    Peer peer(listener_->port());
    peer.send(std::string(1000, 'x'));
    std::this_thread::sleep_for(30ms);
    EXPECT_EQ(budget.in_use(), 0u);
    peer.send(std::string(200000, 'x'));
    for (int i = 0; i < 100 && budget.in_use() == 0; ++i)
        std::this_thread::sleep_for(5ms);
    EXPECT_EQ(budget.in_use(), 500000u);
    peer.send(std::string(500000 - 201000, 'x'));
    for (int i = 0; i < 200 && !ended; ++i)
        std::this_thread::sleep_for(5ms);
    EXPECT_EQ(during, 500000u);
    EXPECT_EQ(budget.in_use(), 0u);
}

// More than fit claim all of the budget and send a part: what they have not sent is free for others.
TEST_F(ConnectionTest, AClaimKeepsMemoryFromNobody) {
    constexpr std::uint32_t kWhole = 4u << 20;
    ByteBudget budget(kWhole);
    std::atomic<int> bodies{0};
    listen([&](Connection& c) -> asio::awaitable<void> {
        std::uint32_t size = 0;
        if ((co_await c.read_exactly(&size, 4, kNoDeadline)).has_error()) co_return;
        ByteBudget::Share share;
        const BodyMemory memory{&budget, &share, BodyMemory::Charge::arriving};
        auto body = co_await c.read_body(size, {}, kNoDeadline, memory);
        if (body.has_value() && share.bytes() == size) ++bodies;
    });
    const auto claim = [&](std::uint32_t size, std::size_t sent) {
        Peer peer(listener_->port());
        peer.send(std::string(reinterpret_cast<const char*>(&size), 4) + std::string(sent, 'x'));
        return peer;
    };
    std::vector<Peer> slow;
    for (int i = 0; i < 8; ++i)
        slow.push_back(claim(kWhole, 100'000));
    ASSERT_TRUE(test::eventually([&] { return budget.in_use() == 8 * (128u << 10); }));
    const auto whole = claim(2'000'000, 2'000'000);
    EXPECT_TRUE(test::eventually([&] { return bodies == 1; }));
}

// Those that have filled the memory and go on slowly make room for others, and are told.
TEST_F(ConnectionTest, SlowSendersMakeRoomForOthers) {
    ByteBudget budget(1u << 20);
    std::atomic<int> bodies{0}, overloaded{0};
    listen([&](Connection& c) -> asio::awaitable<void> {
        ByteBudget::Share share;
        const BodyMemory memory{&budget, &share, BodyMemory::Charge::arriving, 20s};
        auto body = co_await c.read_body(1u << 20, {}, kNoDeadline, memory);
        if (body.has_value()) ++bodies;
        if (!body.has_error()) co_return;
        if (body.error().code == ErrorCode::overloaded) ++overloaded;
        (void)co_await c.write("told", {});
    });
    Peer slow(listener_->port());
    slow.send(std::string(600'000, 'x'));
    ASSERT_TRUE(test::eventually([&] { return budget.in_use() == 1u << 20; }));
    Peer quick(listener_->port());
    quick.send(std::string(1u << 20, 'y'));
    for (int i = 0; i < 2000 && overloaded + bodies < 2; ++i) {
        if (i % 50 == 0) (void)::send(slow.fd(), "xxxx", 4, MSG_NOSIGNAL);
        std::this_thread::sleep_for(10ms);
    }
    EXPECT_EQ(bodies, 1);
    EXPECT_EQ(overloaded, 1);
    EXPECT_EQ(slow.receive(4), "told");
}

TEST_F(ConnectionTest, MemoryThatStaysInUseIsToldInTime) {
    ByteBudget budget(1u << 20);
    const auto held = budget.try_acquire(1u << 20);
    std::atomic<int> code{-1};
    listen([&](Connection& c) -> asio::awaitable<void> {
        ByteBudget::Share share;
        const BodyMemory memory{&budget, &share, BodyMemory::Charge::arriving, 100ms};
        auto body = co_await c.read_body(300'000, {}, kNoDeadline, memory);
        code = body.has_error() ? static_cast<int>(body.error().code) : 1000;
        (void)co_await c.write("told", {});
    });
    Peer peer(listener_->port());
    peer.send(std::string(300'000, 'x'));
    EXPECT_EQ(peer.receive(4), "told") << "the rest of the body is dropped first";
    EXPECT_EQ(code, static_cast<int>(ErrorCode::overloaded));
}

TEST_F(ConnectionTest, AReaderThatNeverReadsEndsTheWriteAtTheStall) {
    std::atomic<int> code{-1};
    listen([&](Connection& c) -> asio::awaitable<void> {
        const std::string much(64u << 20, 'x');
        auto written = co_await c.write(much, {.stall = 200ms});
        code = written.has_error() ? static_cast<int>(written.error().code) : 1000;
    });
    Peer peer(listener_->port());
    for (int i = 0; i < 300 && code < 0; ++i)
        std::this_thread::sleep_for(10ms);
    EXPECT_EQ(code, static_cast<int>(ErrorCode::timeout));
}

TEST_F(ConnectionTest, DeadlinesOfReaderAndWriterDoNotDisturbEachOther) {
    std::atomic<int> reads{0};
    std::atomic<bool> wrote{false};
    listen([&](Connection& c) -> asio::awaitable<void> {
        using namespace asio::experimental::awaitable_operators;
        const std::string much(32u << 20, 'x');
        const auto reader = [&]() -> asio::awaitable<void> {
            for (int i = 0; i < 10; ++i) {
                auto got = co_await c.wait_for_bytes(in_ms(10));
                if (got.has_error() && got.error().code == ErrorCode::timeout) ++reads;
            }
        };
        const auto writer = [&]() -> asio::awaitable<void> {
            auto written = co_await c.write(much, {});
            wrote = written.has_value();
        };
        co_await (reader() && writer());
    });
    Peer peer(listener_->port());
    std::this_thread::sleep_for(150ms);
    EXPECT_EQ(peer.receive(32u << 20).size(), 32u << 20);
    for (int i = 0; i < 100 && !wrote; ++i)
        std::this_thread::sleep_for(5ms);
    EXPECT_EQ(reads, 10);
    EXPECT_TRUE(wrote);
}

TEST_F(ConnectionTest, EndOfStreamAndStaleConnectionsAreSeen) {
    std::atomic<int> state{0};
    listen([&](Connection& c) -> asio::awaitable<void> {
        char bytes[4];
        auto read = co_await c.read_exactly(bytes, 4, in_ms(5000));
        EXPECT_EQ(read.error().code, ErrorCode::unavailable);
        EXPECT_NE(read.error().message.find("closed by 127.0.0.1:"), std::string::npos);
        EXPECT_FALSE(c.idle_and_open());
        state = 1;
    });
    Peer peer(listener_->port());
    peer.send("ab");
    peer.close();
    for (int i = 0; i < 200 && state == 0; ++i)
        std::this_thread::sleep_for(5ms);
    EXPECT_EQ(state, 1);
}

TEST_F(ConnectionTest, CancellationEndsAWait) {
    std::atomic<int> state{0};
    listen([&](Connection& c) -> asio::awaitable<void> {
        using namespace asio::experimental::awaitable_operators;
        asio::steady_timer timer(co_await asio::this_coro::executor, 20ms);
        const auto won = co_await (c.wait_for_bytes(kNoDeadline) || timer.async_wait(asio::use_awaitable));
        state = won.index() == 1 ? 1 : 2;
    });
    Peer peer(listener_->port());
    for (int i = 0; i < 200 && state == 0; ++i)
        std::this_thread::sleep_for(5ms);
    EXPECT_EQ(state, 1);
}

// The last reply is not lost to a reset although the peer's bytes were not all read.
TEST_F(ConnectionTest, FinishDeliversTheLastReply) {
    listen([&](Connection& c) -> asio::awaitable<void> {
        (void)co_await c.wait_for_bytes(kNoDeadline);
        (void)co_await c.write("bye", {});
        co_await c.finish();
    });
    Peer peer(listener_->port());
    peer.send(std::string(100000, 'x'));
    std::this_thread::sleep_for(50ms);
    EXPECT_EQ(peer.receive(3), "bye");
    EXPECT_EQ(peer.receive(1), "");
}

TEST_F(ConnectionTest, ConnectFailsInTimeAndSaysWhy) {
    test::run(pool_.executor(), [&]() -> asio::awaitable<void> {
        auto refused = co_await connect("127.0.0.1:1", in_ms(2000));
        EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
        EXPECT_NE(refused.error().message.find("127.0.0.1:1 cannot be reached: Connection refused"),
                  std::string::npos)
            << refused.error().message;
        auto unknown = co_await connect("no.such.host.invalid:1", in_ms(3000));
        EXPECT_EQ(unknown.error().code, ErrorCode::unavailable);
    });
}

TEST(Signals, FirstIsGracefulSecondForced) {
    std::atomic<int> graceful{0}, forced{0};
    const SignalHandler handler([&] { ++graceful; }, 60s, [&] { ++forced; });
    ::kill(::getpid(), SIGTERM);
    for (int i = 0; i < 5000 && graceful == 0; ++i)
        std::this_thread::sleep_for(2ms);
    EXPECT_EQ(graceful, 1);
    EXPECT_EQ(forced, 0);
    ::kill(::getpid(), SIGINT);
    for (int i = 0; i < 5000 && forced == 0; ++i)
        std::this_thread::sleep_for(2ms);
    EXPECT_EQ(forced, 1);
}

TEST(SignalsDeathTest, AProcessThatDoesNotComeToItsEndIsEnded) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_EXIT(
        {
            const SignalHandler handler([] {}, 200ms);
            ::kill(::getpid(), SIGTERM);
            std::this_thread::sleep_for(60s);
        },
        ::testing::ExitedWithCode(1), "has not come to its end in time");
}

}  // namespace
}  // namespace dl::net
