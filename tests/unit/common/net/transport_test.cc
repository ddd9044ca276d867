// The plain transport over a socket pair, and a Connection over one that fails or waits where it is told to.
#include "common/net/transport.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <optional>
#include <thread>

#include "common/net/connection.h"
#include "tests/unit/common/net/peer.h"
#include "tests/unit/common/net/run_coroutine.h"

namespace dl::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using test::in_ms;
using Wait = Transport::Wait;
using namespace std::chrono_literals;

// Both ends of one TCP connection over loopback.
struct TcpPair {
    TcpPair() {
        const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* any = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(listener, any, size), 0);
        EXPECT_EQ(::listen(listener, 1), 0);
        EXPECT_EQ(::getsockname(listener, any, &size), 0);
        here = ::socket(AF_INET, SOCK_STREAM, 0);
        EXPECT_EQ(::connect(here, any, size), 0);
        there = ::accept(listener, nullptr, nullptr);
        port = ntohs(address.sin_port);
        ::close(listener);
    }
    ~TcpPair() {
        if (here >= 0) ::close(here);
        if (there >= 0) ::close(there);
    }
    TcpPair& operator=(TcpPair&& other) noexcept {
        std::swap(here, other.here);
        std::swap(there, other.there);
        std::swap(port, other.port);
        return *this;
    }
    int take_here() { return std::exchange(here, -1); }
    void close_there() { ::close(std::exchange(there, -1)); }
    void reset_there() {
        const linger at_once{1, 0};
        ::setsockopt(there, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close_there();
    }

    int here = -1, there = -1;
    std::uint16_t port = 0;
};

// What it reads arrives soon, but not at once.
Result<Transport::Moved> read_soon(Transport& transport, std::span<char> out) {
    for (int i = 0;; ++i) {
        auto moved = transport.read_some(out);
        if (moved.has_error() || moved->bytes > 0 || moved->wait == Wait::none || i == 1000) return moved;
        std::this_thread::sleep_for(1ms);
    }
}

TEST(PlainTransport, MovesWhatIsThereAndSaysWhatToWaitFor) {
    TcpPair pair;
    const auto here = plain_transport(pair.here);
    EXPECT_EQ(here->peer(), "127.0.0.1:" + std::to_string(pair.port));
    char bytes[8];
    const auto nothing = here->read_some(bytes);
    EXPECT_EQ(nothing->bytes, 0u);
    EXPECT_EQ(nothing->wait, Wait::readable);
    EXPECT_TRUE(here->is_idle());

    ASSERT_EQ(::send(pair.there, "0123456789", 10, 0), 10);
    auto first = read_soon(*here, bytes);
    EXPECT_EQ(std::string_view(bytes, first->bytes), "01234567");
    EXPECT_EQ(first->wait, Wait::none) << "there may be more";
    EXPECT_FALSE(here->is_idle());
    auto rest = here->read_some(bytes);
    EXPECT_EQ(std::string_view(bytes, rest->bytes), "89");
    EXPECT_EQ(rest->wait, Wait::readable) << "these were the last";

    const std::array<std::string_view, 4> parts{"skipped ab", "", "cd", "e"};
    EXPECT_EQ(here->write_some(parts, 8)->bytes, 5u);
    EXPECT_EQ(::recv(pair.there, bytes, 8, 0), 5);
    EXPECT_EQ(std::string_view(bytes, 5), "abcde");
}

TEST(PlainTransport, AFullSocketIsWaitedFor) {
    TcpPair pair;
    const auto here = plain_transport(pair.here);
    const std::string much(64u << 20, 'x');
    const std::array<std::string_view, 1> parts{much};
    std::size_t sent = 0;
    Wait wait = Wait::none;
    for (int i = 0; i < 1000 && wait == Wait::none && sent < much.size(); ++i) {
        const auto moved = here->write_some(parts, sent);
        ASSERT_TRUE(moved.has_value());
        sent += moved->bytes;
        wait = moved->wait;
    }
    EXPECT_EQ(wait, Wait::writable);
    EXPECT_LT(sent, much.size());
}

TEST(PlainTransport, VeryManyPartsGoOutInTurns) {
    TcpPair pair;
    const auto here = plain_transport(pair.here);
    const std::vector<std::string_view> parts(1000, "ab");
    std::size_t sent = 0;
    while (sent < 2000) {
        const auto moved = here->write_some(std::span(parts).subspan(sent / 2), sent % 2);
        ASSERT_TRUE(moved.has_value() && moved->bytes > 0 && moved->wait == Wait::none);
        sent += moved->bytes;
    }
    std::string got(2000, '\0');
    EXPECT_EQ(::recv(pair.there, got.data(), got.size(), MSG_WAITALL), 2000);
}

TEST(PlainTransport, EndResetAndHalfCloseAreToldApart) {
    char bytes[8];
    {
        TcpPair pair;
        const auto here = plain_transport(pair.here);
        here->end_writing();
        EXPECT_EQ(::recv(pair.there, bytes, 8, 0), 0) << "the other side reads the end";
        ASSERT_EQ(::send(pair.there, "bye", 3, 0), 3);
        EXPECT_EQ(read_soon(*here, bytes)->bytes, 3u) << "and can still be heard";
        pair.close_there();
        const auto end = read_soon(*here, bytes);
        EXPECT_EQ(end->bytes, 0u);
        EXPECT_EQ(end->wait, Wait::none);
        EXPECT_FALSE(here->is_idle());
    }
    TcpPair pair;
    const auto here = plain_transport(pair.here);
    pair.reset_there();
    const auto reset = read_soon(*here, bytes);
    ASSERT_TRUE(reset.has_error());
    EXPECT_EQ(reset.error().to_text(), "UNAVAILABLE: Connection reset by peer");
    EXPECT_EQ(here->peer(), "127.0.0.1:" + std::to_string(pair.port)) << "kept";
    const std::array<std::string_view, 1> parts{"x"};
    EXPECT_EQ(here->write_some(parts, 0).error().code, ErrorCode::unavailable) << "not a signal";
}

// Plays one step a call, then goes on as the plain transport.
class ScriptedTransport final : public Transport {
  public:
    struct Step {
        std::optional<Error> fails{};
        std::size_t bytes_max = SIZE_MAX;
        std::optional<Wait> instead{};  // nothing moves, this is to be waited for
    };
    struct Script {
        std::deque<Step> reads, writes;
        std::atomic<int> reads_made{0}, writes_made{0};
    };
    ScriptedTransport(int socket, std::shared_ptr<Script> script)
        : plain_(plain_transport(socket)), script_(std::move(script)) {}

    Result<Moved> read_some(std::span<char> out) override {
        ++script_->reads_made;
        const auto step = take(script_->reads);
        if (step.fails) return *step.fails;
        if (step.instead) return Moved{0, *step.instead};
        return plain_->read_some(out.first(std::min(out.size(), step.bytes_max)));
    }
    Result<Moved> write_some(std::span<const std::string_view> parts, std::size_t offset) override {
        ++script_->writes_made;
        const auto step = take(script_->writes);
        if (step.fails) return *step.fails;
        if (step.instead) return Moved{0, *step.instead};
        if (step.bytes_max == SIZE_MAX) return plain_->write_some(parts, offset);
        const std::array<std::string_view, 1> some{parts[0].substr(offset, step.bytes_max)};
        return plain_->write_some(some, 0);
    }
    void end_writing() override { plain_->end_writing(); }
    bool is_idle() override { return plain_->is_idle(); }
    const std::string& peer() const override { return plain_->peer(); }

  private:
    static Step take(std::deque<Step>& steps) {
        if (steps.empty()) return {};
        auto step = steps.front();
        steps.pop_front();
        return step;
    }
    const std::unique_ptr<Transport> plain_;
    const std::shared_ptr<Script> script_;
};

class ScriptedConnectionTest : public ::testing::Test {
  protected:
    using Step = ScriptedTransport::Step;

    // On its loop.
    template <class Use>
    void with_connection(Use use) {
        test::run(pool_.executor(), [this, use]() -> asio::awaitable<void> {
            tcp::socket socket(co_await asio::this_coro::executor);
            socket.assign(tcp::v4(), pair_.take_here());
            Connection connection(std::move(socket), [this](int fd) {
                return std::make_unique<ScriptedTransport>(fd, script_);
            });
            co_await use(connection);
        });
    }
    static Error broken() { return make_error(ErrorCode::unavailable, "the script says so"); }

    NetPool pool_{"net", 1};
    TcpPair pair_;
    std::shared_ptr<ScriptedTransport::Script> script_ = std::make_shared<ScriptedTransport::Script>();
};

// A frame of a header and a body, the transport failing at each call in turn.
TEST_F(ScriptedConnectionTest, AnErrorAtAnyReadEndsItWithThePeersName) {
    for (std::size_t fail_at = 0; fail_at < 6; ++fail_at) {
        pair_ = TcpPair();
        script_->reads.assign(fail_at, Step{.bytes_max = 3});
        script_->reads.push_back(Step{.fails = broken()});
        ASSERT_EQ(::send(pair_.there, "headbody-of-sixteen", 20, 0), 20);
        with_connection([&](Connection& connection) -> asio::awaitable<void> {
            char head[4];
            auto read = co_await connection.read_exactly(head, 4, in_ms(5000));
            auto body = Result<SharedBytes>(SharedBytes());
            if (read.has_value()) body = co_await connection.read_body(16, {}, in_ms(5000));
            const auto& error = read.has_error() ? read.error() : body.error();
            EXPECT_EQ(error.code, ErrorCode::unavailable) << fail_at;
            EXPECT_TRUE(error.message.starts_with("connection to 127.0.0.1:")) << error.message;
            EXPECT_TRUE(error.message.ends_with("failed: the script says so")) << error.message;
            EXPECT_EQ(read.has_error(), fail_at < 2) << "the header takes two reads of three bytes";
        });
    }
}

TEST_F(ScriptedConnectionTest, AnErrorAtAnyWriteEndsItAndPiecesArriveInOrder) {
    const std::array<std::string_view, 4> parts{"abcde", "", "fghij", "k"};
    for (std::size_t fail_at = 0; fail_at <= 5; ++fail_at) {
        pair_ = TcpPair();
        script_->writes.assign(fail_at, Step{.bytes_max = 2});
        if (fail_at < 5) script_->writes.push_back(Step{.fails = broken()});
        with_connection([&](Connection& connection) -> asio::awaitable<void> {
            const auto written = co_await connection.write(parts, {}, in_ms(5000));
            EXPECT_EQ(written.has_error(), fail_at < 5) << fail_at;
        });
        // Pieces end at a part's end as well: 2 2 1 2 2, then all the rest at once.
        std::string got(20, '\0');
        const auto size = ::recv(pair_.there, got.data(), got.size(), MSG_WAITALL);
        const std::size_t moved[] = {0, 2, 4, 5, 7, 11};
        EXPECT_EQ(got.substr(0, static_cast<std::size_t>(size)),
                  std::string("abcdefghijk").substr(0, moved[fail_at]));
        script_->writes.clear();
    }
}

// What an encrypted stream does: reading waits until it may write, writing until it may read.
TEST_F(ScriptedConnectionTest, ReadingMayWaitUntilItCanWrite) {
    script_->reads = {Step{.instead = Wait::writable}};
    std::thread peer([&] {
        // Nothing to read before the transport was called again.
        EXPECT_TRUE(test::eventually([&] { return script_->reads_made >= 2; }));
        EXPECT_EQ(::send(pair_.there, "abcd", 4, 0), 4);
    });
    with_connection([&](Connection& connection) -> asio::awaitable<void> {
        char bytes[4];
        EXPECT_TRUE((co_await connection.read_exactly(bytes, 4, in_ms(8000))).has_value());
        EXPECT_EQ(std::string_view(bytes, 4), "abcd");
    });
    peer.join();
}

TEST_F(ScriptedConnectionTest, WritingMayWaitUntilItCanRead) {
    script_->writes = {Step{.instead = Wait::readable}};
    std::thread peer([&] {
        std::this_thread::sleep_for(50ms);
        EXPECT_EQ(script_->writes_made, 1);
        EXPECT_EQ(::send(pair_.there, "x", 1, 0), 1);
        char bytes[2];
        EXPECT_EQ(::recv(pair_.there, bytes, 2, MSG_WAITALL), 2);
    });
    with_connection([&](Connection& connection) -> asio::awaitable<void> {
        EXPECT_TRUE((co_await connection.write("ef", {}, in_ms(8000))).has_value());
        EXPECT_TRUE((co_await connection.wait_for_bytes(in_ms(8000))).has_value());
    });
    peer.join();
}

// Woken again and again without a byte: the deadline ends it, on either side.
TEST_F(ScriptedConnectionTest, WakingWithoutProgressStillTimesOut) {
    script_->reads.assign(1'000'000, Step{.instead = Wait::writable});
    script_->writes.assign(1'000'000, Step{.instead = Wait::writable});
    with_connection([&](Connection& connection) -> asio::awaitable<void> {
        char bytes[4];
        auto read = co_await connection.read_exactly(bytes, 4, in_ms(50));
        EXPECT_EQ(read.error().code, ErrorCode::timeout);
        auto written = co_await connection.write("x", {}, in_ms(50));
        EXPECT_EQ(written.error().code, ErrorCode::timeout);
    });
}

TEST_F(ScriptedConnectionTest, AbortFromAnotherThreadWakesTheReaderAndResets) {
    with_connection([&](Connection& connection) -> asio::awaitable<void> {
        std::thread other([&] {
            std::this_thread::sleep_for(30ms);
            connection.abort();
        });
        const auto there = co_await connection.wait_for_bytes(in_ms(5000));
        EXPECT_EQ(there.error().code, ErrorCode::unavailable);
        EXPECT_FALSE(connection.is_open());
        other.join();
    });
    char byte = 0;
    EXPECT_EQ(::recv(pair_.there, &byte, 1, 0), -1);
    EXPECT_EQ(errno, ECONNRESET);
}

}  // namespace
}  // namespace dl::net
