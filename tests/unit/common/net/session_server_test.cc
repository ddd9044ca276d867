#include "common/net/session_server.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <thread>

#include "common/net/process.h"
#include "tests/unit/common/net/peer.h"
#include "tests/unit/common/net/run_coroutine.h"
#include "tests/unit/common/net/serve.h"

namespace dl::net {
namespace {

namespace asio = boost::asio;
using test::eventually;
using test::Peer;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

asio::awaitable<void> idle(Connection& connection) {
    (void)co_await connection.wait_for_bytes(kNoDeadline);
}

// Answers nothing until it is told to end, in the way the test wants it.
struct Behaviour {
    std::atomic<bool> ends_when_drained{true}, ends_when_aborted{true};
    std::atomic<int> started{0}, drained{0}, aborted{0};
};
class StubbornSession final : public Session, public std::enable_shared_from_this<StubbornSession> {
  public:
    StubbornSession(Behaviour& behaviour, Connection connection, SessionTicket ticket)
        : ticket_(std::move(ticket)), behaviour_(behaviour), connection_(std::move(connection)) {}
    void start() override {
        ++behaviour_.started;
        self_ = shared_from_this();
    }
    void drain() override {
        ++behaviour_.drained;
        if (behaviour_.ends_when_drained) self_.reset();
    }
    void abort() override {
        ++behaviour_.aborted;
        if (behaviour_.ends_when_aborted) self_.reset();
    }

  private:
    const SessionTicket ticket_;
    Behaviour& behaviour_;
    Connection connection_;
    std::shared_ptr<StubbornSession> self_;
};

class SessionServerTest : public ::testing::Test {
  protected:
    void serve(test::Serve session, SessionServerOptions options = {}) {
        server_ = test::serve(pool_, std::move(session), std::move(options));
    }
    void serve_stubborn() {
        SessionServerOptions options;
        options.session_executor = [this] { return pool_.executor(); };
        server_ = *SessionServer::start(pool_.executor_of(0), "127.0.0.1:0", options,
                                        [this](std::uint64_t, Connection connection, SessionTicket ticket) {
                                            return std::make_shared<StubbornSession>(
                                                behaviour_, std::move(connection), std::move(ticket));
                                        });
    }
    std::vector<Peer> connect(std::size_t count) {
        std::vector<Peer> peers;
        peers.reserve(count);
        for (std::size_t i = 0; i < count; ++i)
            peers.emplace_back(server_->port());
        return peers;
    }
    ~SessionServerTest() override {
        if (server_) {
            EXPECT_TRUE(server_->stop(0ms));
        }
        pool_.stop();
    }

    NetPool pool_{"net", 2};
    Behaviour behaviour_;
    std::shared_ptr<SessionServer> server_;
};

TEST_F(SessionServerTest, AddressInUseNamesAddressKeyAndWayOut) {
    serve(idle);
    SessionServerOptions options;
    options.config_key = "slave.node";
    const auto second = SessionServer::start(pool_.executor_of(0), server_->address(), options, {});
    ASSERT_TRUE(second.has_error());
    EXPECT_EQ(second.error().code, ErrorCode::unavailable);
    EXPECT_NE(second.error().message.find("address " + server_->address() + " is in use by another process;"),
              std::string::npos);
    EXPECT_NE(second.error().message.find("slave.node"), std::string::npos);
    const auto wrong = SessionServer::start(pool_.executor_of(0), "no port", options, {});
    EXPECT_EQ(wrong.error().code, ErrorCode::invalid_value);
    EXPECT_TRUE(wrong.error().message.starts_with("slave.node = 'no port' has ")) << wrong.error().message;
}

TEST_F(SessionServerTest, ConnectionsBeyondTheLimitAreToldSoAndPlacesComeBack) {
    SessionServerOptions options;
    options.sessions_max = 3;
    options.refusal = "full";
    serve(idle, options);
    auto peers = connect(3);
    ASSERT_TRUE(eventually([&] { return server_->sessions() == 3; }));
    Peer refused(server_->port());
    EXPECT_EQ(refused.receive(4), "full");
    EXPECT_EQ(refused.receive(1), "");
    peers.pop_back();
    ASSERT_TRUE(eventually([&] { return server_->sessions() == 2; }));
    peers.emplace_back(server_->port());
    EXPECT_TRUE(eventually([&] { return server_->sessions() == 3; }));
}

// A client sends first and reads afterwards: it is not cut off while it still sends.
TEST_F(SessionServerTest, ARefusalReachesAPeerThatIsStillSending) {
    SessionServerOptions options;
    options.sessions_max = 1;
    options.refusal = "full";
    serve(idle, options);
    auto first = connect(1);
    ASSERT_TRUE(eventually([&] { return server_->sessions() == 1; }));
    for (int i = 0; i < 5; ++i) {
        Peer refused(server_->port());
        refused.send(std::string(5000, 'x'));
        std::this_thread::sleep_for(20ms);
        refused.send(std::string(5000, 'x'));
        EXPECT_EQ(refused.receive(4), "full") << i;
        EXPECT_EQ(refused.receive(1), "");
    }
}

// Refused peers that stay cost a place among few for half a second; the rest is closed at once.
TEST_F(SessionServerTest, RefusedPeersThatStayHoldNothing) {
    SessionServerOptions options;
    options.sessions_max = 1;
    options.refusal = "full";
    serve(idle, options);
    auto first = connect(1);
    ASSERT_TRUE(eventually([&] { return server_->sessions() == 1; }));
    const auto before = test::open_descriptors();
    auto refused = connect(300);
    std::this_thread::sleep_for(100ms);
    // Their own 300 ends are in this process as well.
    EXPECT_LE(test::open_descriptors(), before + 300 + 64 + 4);
    EXPECT_TRUE(eventually([&] { return test::open_descriptors() <= before + 300 + 4; }));
    EXPECT_EQ(server_->sessions(), 1u);
}

TEST_F(SessionServerTest, AcceptingSurvivesRunningOutOfDescriptors) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "sanitizers need descriptors themselves, and time in which none is free";
#endif
    SessionServerOptions options;
    options.pause_when_exhausted = 20ms;
    serve(
        [](Connection& c) -> asio::awaitable<void> {
            (void)co_await c.write("hi", {});
            (void)co_await c.wait_for_bytes(kNoDeadline);
        },
        options);
    Peer peer(server_->port());
    EXPECT_EQ(peer.receive(2), "hi");
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    rlimit low = limit;
    const int probe = ::dup(0);
    ::close(probe);
    low.rlim_cur = static_cast<rlim_t>(probe) + 1;  // room for one more descriptor: the peer's
    setrlimit(RLIMIT_NOFILE, &low);
    Peer waiting(server_->port());
    std::this_thread::sleep_for(80ms);
    setrlimit(RLIMIT_NOFILE, &limit);
    EXPECT_TRUE(waiting.connected());
    EXPECT_EQ(waiting.receive(2), "hi");
}

// A listening socket that fails for another reason neither ends accepting nor keeps a core busy.
TEST_F(SessionServerTest, AcceptErrorsAreWaitedOut) {
    SessionServerOptions options;
    options.pause_when_exhausted = 20ms;
    serve(idle, options);
    auto before = connect(1);
    ASSERT_TRUE(eventually([&] { return server_->sessions() == 1; }));
    const int listening = test::listening_socket(server_->port());
    ASSERT_GE(listening, 0);
    ASSERT_EQ(::shutdown(listening, SHUT_RDWR), 0);  // accept() says EINVAL from now on
    const auto used = [] {
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        return std::chrono::seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    };
    const auto used_before = used();
    std::this_thread::sleep_for(300ms);
    EXPECT_LT(used() - used_before, 100ms);
    ASSERT_EQ(::listen(listening, 16), 0);  // on another port: the first was let go of
    Peer after(test::port_of(listening));
    EXPECT_TRUE(after.connected());
    EXPECT_TRUE(eventually([&] { return server_->sessions() == 2; }));
}

TEST_F(SessionServerTest, IdleSessionsAreCheap) {
    const auto limit = raise_file_limit();
    // Both ends are in this process.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    const std::size_t sessions = std::min<std::size_t>(1'000, (limit - 200) / 2);
#else
    const std::size_t sessions = std::min<std::size_t>(10'000, (limit - 200) / 2);
#endif
    serve(idle);
    auto peers = connect(50);
    ASSERT_TRUE(eventually([&] { return server_->sessions() == 50; }));
    peers.reserve(sessions);
    const auto before = ::mallinfo2().uordblks;
    while (peers.size() < sessions) {
        peers.emplace_back(server_->port());
        ASSERT_TRUE(peers.back().connected());
    }
    ASSERT_TRUE(eventually([&] { return server_->sessions() == sessions; }));
    const auto each = (::mallinfo2().uordblks - before) / (sessions - 50);
    RecordProperty("bytes_per_session", static_cast<int>(each));
    std::printf("%zu sessions, %zu bytes each\n", sessions, each);
    EXPECT_LT(each, 8192u);
    const auto begin = steady_clock::now();
    EXPECT_TRUE(server_->stop(60s));
    EXPECT_LT(steady_clock::now() - begin, 30s);
    EXPECT_EQ(server_->sessions(), 0u);
}

TEST_F(SessionServerTest, StopDrainsAndThePortIsFreeAfterwards) {
    serve_stubborn();
    auto peers = connect(20);
    ASSERT_TRUE(eventually([&] { return behaviour_.started == 20; }));
    const auto address = server_->address();
    EXPECT_TRUE(server_->stop(5s));
    EXPECT_EQ(behaviour_.drained, 20);
    EXPECT_EQ(behaviour_.aborted, 0);
    EXPECT_EQ(server_->sessions(), 0u);
    for (auto& peer : peers)
        EXPECT_EQ(peer.receive(1), "");
    EXPECT_FALSE(Peer(server_->port()).connected());
    EXPECT_TRUE(server_->stop(0ms)) << "again";
    auto next = SessionServer::start(pool_.executor_of(0), address, {}, {});
    ASSERT_TRUE(next.has_value()) << next.error().to_text();
    EXPECT_TRUE((*next)->stop(0ms));
}

// Even while the listener's loop is busy: whoever stops a server may start the next one on its port.
TEST_F(SessionServerTest, StopReturnsWhenThePortIsClosed) {
    serve(idle);
    asio::post(pool_.executor_of(0), [] { std::this_thread::sleep_for(200ms); });
    EXPECT_TRUE(server_->stop(5s));
    EXPECT_FALSE(Peer(server_->port()).connected());
}

TEST_F(SessionServerTest, WhatDoesNotDrainIsAbortedAfterTheGrace) {
    behaviour_.ends_when_drained = false;
    serve_stubborn();
    auto peers = connect(5);
    ASSERT_TRUE(eventually([&] { return behaviour_.started == 5; }));
    const auto begin = steady_clock::now();
    EXPECT_TRUE(server_->stop(100ms));
    const auto took = steady_clock::now() - begin;
    EXPECT_GE(took, 100ms);
    EXPECT_LT(took, 20s);
    EXPECT_EQ(behaviour_.aborted, 5);
}

TEST_F(SessionServerTest, WhatDoesNotEndAtAllIsReportedInBoundedTime) {
    behaviour_.ends_when_drained = false;
    behaviour_.ends_when_aborted = false;
    serve_stubborn();
    auto peers = connect(2);
    ASSERT_TRUE(eventually([&] { return behaviour_.started == 2; }));
    const auto begin = steady_clock::now();
    EXPECT_FALSE(server_->stop(50ms, 100ms));
    EXPECT_LT(steady_clock::now() - begin, 20s);
    EXPECT_EQ(server_->sessions(), 2u);
    behaviour_.ends_when_aborted = true;
    EXPECT_TRUE(server_->stop(0ms)) << "asked again";
}

// Connections that come while the server stops: each is served to its end or not at all, none is forgotten.
TEST_F(SessionServerTest, StoppingUnderAStormOfConnectionsLeavesNone) {
    for (int round = 0; round < 20; ++round) {
        serve([](Connection& connection) -> asio::awaitable<void> {
            char bytes[2];
            while ((co_await connection.read_exactly(bytes, 2, kNoDeadline)).has_value())
                (void)co_await connection.write("ok", {});
        });
        std::atomic<bool> over{false};
        std::thread storm([&] {
            while (!over) {
                Peer peer(server_->port());
                if (!peer.connected()) continue;
                if (::send(peer.fd(), "hi", 2, MSG_NOSIGNAL) == 2) (void)peer.receive(2);
            }
        });
        std::this_thread::sleep_for(10ms);
        EXPECT_TRUE(server_->stop(1s));
        EXPECT_EQ(server_->sessions(), 0u);
        over = true;
        storm.join();
    }
}

}  // namespace
}  // namespace dl::net
