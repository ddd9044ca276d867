#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fstream>
#include <thread>

#include "common/async/async_event.h"
#include "common/net/process.h"
#include "common/net/tcp_connection.h"
#include "common/net/tcp_listener.h"
#include "tests/unit/common/net/run_coroutine.h"

namespace dl::net {
namespace {

namespace asio = boost::asio;
using test::in_ms;
using namespace std::chrono_literals;

std::size_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::size_t total = 0, resident = 0;
    statm >> total >> resident;
    return resident * 4096;
}

// A plain blocking peer.
class Peer {
  public:
    explicit Peer(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }
    ~Peer() { close(); }
    Peer(Peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_) {}
    bool connected() const { return connected_; }
    void send(std::string_view bytes) {
        ASSERT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), ssize_t(bytes.size()));
    }
    std::string receive(std::size_t size) {
        std::string bytes(size, '\0');
        const auto got = ::recv(fd_, bytes.data(), size, MSG_WAITALL);
        bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        return bytes;
    }
    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }
    int fd() const { return fd_; }

  private:
    int fd_;
    bool connected_ = false;
};

// A listener that hands each connection to `serve`, run as a coroutine on the connection's loop.
class TcpTest : public ::testing::Test {
  protected:
    using Serve = std::function<asio::awaitable<void>(TcpConnection&)>;

    void listen(Serve serve, ListenerOptions options = {}) {
        auto made = TcpListener::listen(pool_.executor_of(0), "127.0.0.1:0", options);
        ASSERT_TRUE(made.has_value()) << made.error().to_text();
        listener_ = *made;
        listener_->start([this] { return pool_.executor(); },
                         [serve](TcpConnection connection, SessionTicket ticket) {
                             auto executor = connection.executor();
                             asio::co_spawn(
                                 executor,
                                 [serve, c = std::make_shared<TcpConnection>(std::move(connection)),
                                  ticket]() -> asio::awaitable<void> { co_await serve(*c); },
                                 asio::detached);
                         });
    }
    ~TcpTest() override {
        if (listener_) listener_->stop();
        pool_.stop();
    }

    NetPool pool_{"net", 2};
    std::shared_ptr<TcpListener> listener_;
};

TEST_F(TcpTest, MovesSmallAndLargeBodiesBothWays) {
    listen([](TcpConnection& c) -> asio::awaitable<void> {
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
TEST_F(TcpTest, LiarsCostNothingAndEndAtTheStall) {
    std::atomic<int> timeouts{0};
    listen([&](TcpConnection& c) -> asio::awaitable<void> {
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
TEST_F(TcpTest, SlowSendersAreEndedByTheLeastRate) {
    AsyncEvent done;
    ErrorCode code = ErrorCode::internal;
    listen([&](TcpConnection& c) -> asio::awaitable<void> {
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

TEST_F(TcpTest, BudgetIsTakenForLargeBodiesOnlyAfterBytesArrived) {
    ByteBudget budget(1u << 20);
    std::atomic<std::size_t> during{0};
    std::atomic<bool> ended{false};
    listen([&](TcpConnection& c) -> asio::awaitable<void> {
        {
            ByteBudget::Share share;
            auto body = co_await c.read_body(500000, {}, kNoDeadline, &budget, &share);
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

TEST_F(TcpTest, AReaderThatNeverReadsEndsTheWriteAtTheStall) {
    std::atomic<int> code{-1};
    listen([&](TcpConnection& c) -> asio::awaitable<void> {
        const std::string much(64u << 20, 'x');
        auto written = co_await c.write(much, {.stall = 200ms});
        code = written.has_error() ? static_cast<int>(written.error().code) : 1000;
    });
    Peer peer(listener_->port());
    for (int i = 0; i < 300 && code < 0; ++i)
        std::this_thread::sleep_for(10ms);
    EXPECT_EQ(code, static_cast<int>(ErrorCode::timeout));
}

TEST_F(TcpTest, DeadlinesOfReaderAndWriterDoNotDisturbEachOther) {
    std::atomic<int> reads{0};
    std::atomic<bool> wrote{false};
    listen([&](TcpConnection& c) -> asio::awaitable<void> {
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

TEST_F(TcpTest, EndOfStreamAndStaleConnectionsAreSeen) {
    std::atomic<int> state{0};
    listen([&](TcpConnection& c) -> asio::awaitable<void> {
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

TEST_F(TcpTest, CancellationEndsAWait) {
    std::atomic<int> state{0};
    listen([&](TcpConnection& c) -> asio::awaitable<void> {
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
TEST_F(TcpTest, FinishDeliversTheLastReply) {
    listen([&](TcpConnection& c) -> asio::awaitable<void> {
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

TEST_F(TcpTest, AddressInUseNamesAddressKeyAndWayOut) {
    listen([](TcpConnection&) -> asio::awaitable<void> { co_return; });
    const auto second =
        TcpListener::listen(pool_.executor_of(0), listener_->address(), {.config_key = "slave.node"});
    ASSERT_TRUE(second.has_error());
    EXPECT_EQ(second.error().code, ErrorCode::unavailable);
    EXPECT_NE(
        second.error().message.find("address " + listener_->address() + " is in use by another process;"),
        std::string::npos);
    EXPECT_NE(second.error().message.find("slave.node"), std::string::npos);
    EXPECT_TRUE(TcpListener::listen(pool_.executor_of(0), "no port").has_error());
}

TEST_F(TcpTest, ConnectionsBeyondTheLimitAreToldSoAndSlotsComeBack) {
    listen([](TcpConnection& c) -> asio::awaitable<void> { (void)co_await c.wait_for_bytes(kNoDeadline); },
           {.sessions_max = 3, .refusal = "full"});
    std::vector<Peer> peers;
    for (int i = 0; i < 3; ++i)
        peers.emplace_back(listener_->port());
    for (int i = 0; i < 100 && listener_->sessions() < 3; ++i)
        std::this_thread::sleep_for(2ms);
    Peer refused(listener_->port());
    EXPECT_EQ(refused.receive(4), "full");
    peers.pop_back();
    for (int i = 0; i < 200 && listener_->sessions() == 3; ++i)
        std::this_thread::sleep_for(2ms);
    EXPECT_EQ(listener_->sessions(), 2u);
}

TEST_F(TcpTest, AcceptingSurvivesRunningOutOfDescriptors) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "sanitizers need descriptors themselves, and time in which none is free";
#endif
    listen(
        [](TcpConnection& c) -> asio::awaitable<void> {
            (void)co_await c.write("hi", {});
            (void)co_await c.wait_for_bytes(kNoDeadline);
        },
        {.pause_when_exhausted = 20ms});
    Peer peer(listener_->port());
    EXPECT_EQ(peer.receive(2), "hi");
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    rlimit low = limit;
    const int probe = ::dup(0);
    ::close(probe);
    low.rlim_cur = static_cast<rlim_t>(probe) + 1;  // room for one more descriptor: the peer's
    setrlimit(RLIMIT_NOFILE, &low);
    Peer waiting(listener_->port());
    std::this_thread::sleep_for(80ms);
    setrlimit(RLIMIT_NOFILE, &limit);
    EXPECT_TRUE(waiting.connected());
    EXPECT_EQ(waiting.receive(2), "hi");
}

TEST_F(TcpTest, IdleConnectionsAreCheap) {
    raise_file_limit();
    listen([](TcpConnection& c) -> asio::awaitable<void> { (void)co_await c.wait_for_bytes(kNoDeadline); });
    constexpr int kConnections = 2000;
    std::vector<Peer> peers;
    peers.reserve(kConnections);
    for (int i = 0; i < 50; ++i)
        peers.emplace_back(listener_->port());
    for (int i = 0; i < 200 && listener_->sessions() < 50; ++i)
        std::this_thread::sleep_for(2ms);
    const auto before = ::mallinfo2().uordblks;
    for (int i = 50; i < kConnections; ++i) {
        peers.emplace_back(listener_->port());
        ASSERT_TRUE(peers.back().connected());
    }
    for (int i = 0; i < 500 && listener_->sessions() < kConnections; ++i)
        std::this_thread::sleep_for(2ms);
    ASSERT_EQ(listener_->sessions(), std::size_t{kConnections});
    const auto each = (::mallinfo2().uordblks - before) / (kConnections - 50);
    RecordProperty("bytes_per_connection", static_cast<int>(each));
    EXPECT_LT(each, 8192u);
}

TEST_F(TcpTest, ConnectFailsInTimeAndSaysWhy) {
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

TEST(HostPort, ParsesAndRefuses) {
    EXPECT_EQ(parse_host_port("127.0.0.1:7853")->port, 7853);
    EXPECT_EQ(parse_host_port("[::1]:80")->host, "::1");
    for (const auto* bad : {"", "host", "host:", ":80", "host:65536", "host:-1", "::1:80", "host:8x"})
        EXPECT_EQ(parse_host_port(bad).error().code, ErrorCode::invalid_value) << bad;
}

TEST(Signals, FirstIsGracefulSecondForced) {
    NetPool pool("net", 1);
    std::atomic<int> graceful{0}, forced{0};
    {
        SignalHandler handler(
            pool.executor_of(0), [&] { ++graceful; }, [&] { ++forced; });
        ::kill(::getpid(), SIGTERM);
        for (int i = 0; i < 200 && graceful == 0; ++i)
            std::this_thread::sleep_for(2ms);
        EXPECT_EQ(graceful, 1);
        EXPECT_EQ(forced, 0);
        ::kill(::getpid(), SIGINT);
        for (int i = 0; i < 200 && forced == 0; ++i)
            std::this_thread::sleep_for(2ms);
        EXPECT_EQ(forced, 1);
    }
    pool.stop();
}

}  // namespace
}  // namespace dl::net
