#include "common/net/tcp_connection.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace dl::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kBytesPerTurn = 1u << 20;  // moved without waiting before other sessions get the thread
constexpr std::size_t kGatherMax = 64;           // parts per system call

// The later of two additions that cannot overflow: kNoDeadline stays kNoDeadline.
Deadline after(std::chrono::milliseconds delay) {
    const auto now = Clock::now();
    return delay > kNoDeadline - now ? kNoDeadline : now + delay;
}

bool is_again(int error) {
    return error == EAGAIN || error == EWOULDBLOCK;
}

struct FreeBytes {
    void operator()(char* bytes) const { std::free(bytes); }
};

}  // namespace

struct TcpConnection::State : std::enable_shared_from_this<TcpConnection::State> {
    explicit State(tcp::socket taken) : socket(std::move(taken)), watchdog(socket.get_executor()) {}

    enum class Side : std::uint8_t { read, write };
    struct Wait {
        Deadline deadline = kNoDeadline;  // of the wait under way
        bool timed_out = false;
    };

    tcp::socket socket;
    std::string peer = "unknown peer";
    asio::steady_timer watchdog;
    Deadline armed = kNoDeadline;
    std::array<Wait, 2> waits;
    bool closed = false;
    std::size_t begin = 0;
    std::size_t end = 0;
    std::array<char, kReadAheadBytes> ahead;

    Wait& wait_of(Side side) { return waits[static_cast<std::size_t>(side)]; }

    // The watchdog is armed for the earliest deadline seen and looks again when it fires, so that a wait with
    // a later deadline costs no timer operation.
    void arm(Deadline deadline) {
        if (deadline >= armed) return;
        armed = deadline;
        watchdog.expires_at(deadline);
        watchdog.async_wait([weak = weak_from_this()](const error_code& error) {
            if (error) return;
            if (auto self = weak.lock()) self->on_watchdog();
        });
    }

    void on_watchdog() {
        armed = kNoDeadline;
        const auto now = Clock::now();
        bool late = false;
        Deadline next = kNoDeadline;
        for (auto& wait : waits) {
            if (wait.deadline == kNoDeadline) continue;
            if (wait.deadline <= now) {
                wait.timed_out = true;
                late = true;
            } else {
                next = std::min(next, wait.deadline);
            }
        }
        if (late && !closed) {
            error_code ignored;
            socket.cancel(ignored);  // a wait that is not late starts again
        }
        if (next != kNoDeadline) arm(next);
    }

    Error closed_error() const {
        return make_error(ErrorCode::unavailable, "connection to " + peer + " was closed");
    }
    Error end_error() const { return make_error(ErrorCode::unavailable, "connection closed by " + peer); }
    Error system_error(int error) const {
        return make_error(ErrorCode::unavailable,
                          "connection to " + peer + " failed: " + std::strerror(error));
    }

    std::size_t take_ahead(char* out, std::size_t size) {
        const auto taken = std::min(size, end - begin);
        std::memcpy(out, ahead.data() + begin, taken);
        begin += taken;
        return taken;
    }

    // Bytes that are there now; 0 when there are none (`*again`) or at end of stream.
    Result<std::size_t> receive_now(char* out, std::size_t size, bool* again) {
        *again = false;
        if (closed) return closed_error();
        for (;;) {
            const auto got = ::recv(socket.native_handle(), out, size, MSG_DONTWAIT);
            if (got >= 0) return static_cast<std::size_t>(got);
            if (errno == EINTR) continue;
            if (!is_again(errno)) return system_error(errno);
            *again = true;
            return std::size_t{0};
        }
    }

    // Sends what the socket takes now, from byte `offset` of the first part on; -1 and errno like sendmsg.
    // Not part of the coroutine, whose frame stays small enough to be recycled.
    ssize_t send_now(std::span<const std::string_view> parts, std::size_t offset) {
        std::array<iovec, kGatherMax> gather;
        const auto count = std::min(parts.size(), kGatherMax);
        for (std::size_t i = 0; i < count; ++i) {
            const auto part = i == 0 ? parts[i].substr(offset) : parts[i];
            gather[i] = {const_cast<char*>(part.data()), part.size()};
        }
        msghdr message{};
        message.msg_iov = gather.data();
        message.msg_iovlen = count;
        return ::sendmsg(socket.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    }

    // Before every wait: an error when there is nothing to wait for any more.
    std::optional<Error> begin_wait(Wait& wait, Deadline deadline,
                                    const asio::cancellation_state& cancellation) {
        if (closed) return closed_error();
        if (cancellation.cancelled() != asio::cancellation_type::none) return cancelled_error();
        wait.timed_out = false;
        wait.deadline = deadline;
        arm(deadline);
        return std::nullopt;
    }

    // Waits for some bytes; 0 at end of stream.
    asio::awaitable<Result<std::size_t>> receive(char* out, std::size_t size, Deadline deadline) {
        auto self = shared_from_this();
        auto& wait = wait_of(Side::read);
        for (;;) {
            const auto cancellation = co_await asio::this_coro::cancellation_state;
            auto stopped = begin_wait(wait, deadline, cancellation);
            if (stopped) co_return std::move(*stopped);
            auto [error, got] = co_await socket.async_read_some(asio::buffer(out, size), kAwait);
            wait.deadline = kNoDeadline;
            if (!error) co_return got;
            if (error == asio::error::eof) co_return std::size_t{0};
            if (error == asio::error::operation_aborted) {
                if (wait.timed_out)
                    co_return make_error(ErrorCode::timeout,
                                         "no bytes from " + peer + " within the time allowed");
                continue;  // closed, cancelled, or the other side's deadline
            }
            co_return system_error(error.value());
        }
    }

    asio::awaitable<Result<void>> wait_writable(Deadline deadline) {
        auto self = shared_from_this();
        auto& wait = wait_of(Side::write);
        for (;;) {
            const auto cancellation = co_await asio::this_coro::cancellation_state;
            auto stopped = begin_wait(wait, deadline, cancellation);
            if (stopped) co_return std::move(*stopped);
            auto [error] = co_await socket.async_wait(tcp::socket::wait_write, kAwait);
            wait.deadline = kNoDeadline;
            if (!error) co_return Result<void>{};
            if (error == asio::error::operation_aborted) {
                if (wait.timed_out)
                    co_return make_error(ErrorCode::timeout, peer + " took no bytes within the time allowed");
                continue;
            }
            co_return system_error(error.value());
        }
    }

    Error cancelled_error() const {
        return make_error(ErrorCode::cancelled, "cancelled, connection to " + peer);
    }

    // Exactly `size` bytes; `total_deadline` bounds all of it, `stall` each wait.
    asio::awaitable<Result<void>> fill(char* out, std::size_t size, std::chrono::milliseconds stall,
                                       Deadline total_deadline) {
        auto self = shared_from_this();
        auto done = take_ahead(out, size);
        std::size_t turn = 0;
        while (done < size) {
            bool again = false;
            auto got = receive_now(out + done, size - done, &again);
            if (got.has_value() && again)
                got = co_await receive(out + done, size - done, std::min(total_deadline, after(stall)));
            if (got.has_error()) co_return std::move(got).error();
            if (*got == 0) co_return end_error();
            done += *got;
            if ((turn += *got) >= kBytesPerTurn) {
                turn = 0;
                co_await asio::post(socket.get_executor(), asio::use_awaitable);
            }
        }
        co_return Result<void>{};
    }
};

TcpConnection::TcpConnection(tcp::socket socket) : state_(std::make_shared<State>(std::move(socket))) {
    error_code ignored;
    auto& s = state_->socket;
    s.set_option(tcp::no_delay(true), ignored);
    s.set_option(asio::socket_base::keep_alive(true), ignored);
    const int idle = 60, interval = 15, count = 4;
    (void)::setsockopt(s.native_handle(), IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)::setsockopt(s.native_handle(), IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    (void)::setsockopt(s.native_handle(), IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    s.native_non_blocking(true, ignored);
    const auto remote = s.remote_endpoint(ignored);
    if (!ignored) {
        const auto host = remote.address().to_string();
        state_->peer =
            (remote.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(remote.port());
    }
}

TcpConnection::~TcpConnection() {
    if (state_) close();
}
TcpConnection::TcpConnection(TcpConnection&&) noexcept = default;
TcpConnection& TcpConnection::operator=(TcpConnection&& other) noexcept {
    if (this != &other) {
        if (state_) close();
        state_ = std::move(other.state_);
    }
    return *this;
}

asio::any_io_executor TcpConnection::executor() const {
    return state_->socket.get_executor();
}
std::string TcpConnection::peer() const {
    return state_->peer;
}
std::size_t TcpConnection::buffered() const {
    return state_->end - state_->begin;
}
bool TcpConnection::is_open() const {
    return state_ != nullptr && !state_->closed;
}

asio::awaitable<Result<bool>> TcpConnection::wait_for_bytes(Deadline deadline) {
    auto state = state_;
    if (state->begin < state->end) co_return true;
    state->begin = state->end = 0;
    auto got = co_await state->receive(state->ahead.data(), state->ahead.size(), deadline);
    if (got.has_error()) co_return std::move(got).error();
    state->end = *got;
    co_return *got > 0;
}

asio::awaitable<Result<void>> TcpConnection::read_exactly(void* out, std::size_t size, Deadline deadline) {
    auto state = state_;
    auto* to = static_cast<char*>(out);
    auto done = state->take_ahead(to, size);
    while (done < size) {
        if (size - done > kReadAheadBytes)
            co_return co_await state->fill(to + done, size - done, std::chrono::milliseconds::max(),
                                           deadline);
        // Through the read-ahead buffer: what follows the header comes with the same system call.
        auto there = co_await wait_for_bytes(deadline);
        if (there.has_error()) co_return std::move(there).error();
        if (!*there) co_return state->end_error();
        done += state->take_ahead(to + done, size - done);
    }
    co_return Result<void>{};
}

asio::awaitable<Result<SharedBytes>> TcpConnection::read_body(std::size_t size, const TransferLimits& limits,
                                                              Deadline deadline, ByteBudget* budget,
                                                              ByteBudget::Share* share) {
    auto state = state_;
    const auto transfer_ms =
        std::chrono::milliseconds(size * 1000 / std::max<std::size_t>(limits.bytes_per_second_min, 1));
    auto until = std::min(deadline, after(limits.stall + transfer_ms));
    const auto stall = limits.stall;

    std::size_t capacity = std::min(size, kUnbudgetedBytes);
    std::unique_ptr<char, FreeBytes> bytes(
        static_cast<char*>(std::malloc(std::max<std::size_t>(capacity, 1))));
    const auto out_of_memory = [&] {
        return make_error(ErrorCode::overloaded,
                          "no memory for a frame of " + std::to_string(size) + " bytes");
    };
    if (bytes == nullptr) co_return out_of_memory();
    std::size_t done = 0;
    for (;;) {
        auto filled = co_await state->fill(bytes.get() + done, capacity - done, stall, until);
        if (filled.has_error()) co_return std::move(filled).error();
        done = capacity;
        if (done == size) break;
        if (done == kUnbudgetedBytes && budget != nullptr && share != nullptr) {
            const auto before = Clock::now();
            auto granted = co_await budget->acquire(size, deadline);
            if (granted.has_error()) co_return std::move(granted).error();
            *share = std::move(*granted);
            if (until != deadline) until += Clock::now() - before;
        }
        capacity = size / 2 < capacity ? size : capacity * 2;
        auto* grown = static_cast<char*>(std::realloc(bytes.get(), capacity));
        if (grown == nullptr) co_return out_of_memory();
        (void)bytes.release();
        bytes.reset(grown);
    }
    std::shared_ptr<char> owner(std::move(bytes));
    const void* start = owner.get();
    co_return SharedBytes(std::move(owner), start, size);
}

asio::awaitable<Result<void>> TcpConnection::skip(std::size_t size, const TransferLimits& limits) {
    auto state = state_;
    std::vector<char> scratch(16384);
    while (size > 0) {
        const auto part = std::min(size, scratch.size());
        auto filled = co_await state->fill(scratch.data(), part, limits.stall, kNoDeadline);
        if (filled.has_error()) co_return std::move(filled).error();
        size -= part;
    }
    co_return Result<void>{};
}

asio::awaitable<Result<void>> TcpConnection::write(std::span<const std::string_view> parts,
                                                   const TransferLimits& limits, Deadline deadline) {
    auto state = state_;
    std::size_t index = 0, offset = 0, turn = 0, total = 0;
    for (const auto& part : parts)
        total += part.size();
    Deadline until = kNoDeadline;
    for (;;) {
        while (index < parts.size() && offset == parts[index].size()) {
            ++index;
            offset = 0;
        }
        if (index == parts.size()) co_return Result<void>{};
        if (state->closed) co_return state->closed_error();

        const auto sent = state->send_now(parts.subspan(index), offset);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && !is_again(errno)) co_return state->system_error(errno);
        if (sent < 0) {
            if (until == kNoDeadline) {
                const auto rate = std::max<std::size_t>(limits.bytes_per_second_min, 1);
                until =
                    std::min(deadline, after(limits.stall + std::chrono::milliseconds(total * 1000 / rate)));
            }
            auto ready = co_await state->wait_writable(std::min(until, after(limits.stall)));
            if (ready.has_error()) co_return std::move(ready).error();
            continue;
        }
        auto left = static_cast<std::size_t>(sent);
        turn += left;
        while (left > 0) {
            const auto step = std::min(left, parts[index].size() - offset);
            offset += step;
            left -= step;
            if (offset == parts[index].size()) {
                ++index;
                offset = 0;
                if (index == parts.size()) co_return Result<void>{};
            }
        }
        if (turn >= kBytesPerTurn) {
            turn = 0;
            co_await asio::post(state->socket.get_executor(), asio::use_awaitable);
        }
    }
}

asio::awaitable<Result<void>> TcpConnection::write(std::string_view bytes, const TransferLimits& limits,
                                                   Deadline deadline) {
    const std::array<std::string_view, 1> parts{bytes};
    co_return co_await write(std::span<const std::string_view>(parts), limits, deadline);
}

bool TcpConnection::idle_and_open() const {
    if (!is_open() || buffered() > 0) return false;
    char byte = 0;
    const auto got = ::recv(state_->socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && is_again(errno);
}

void TcpConnection::close() {
    if (!state_ || state_->closed) return;
    state_->closed = true;
    error_code ignored;
    state_->watchdog.cancel();
    state_->socket.close(ignored);
}

void TcpConnection::abort() {
    if (!is_open()) return;
    error_code ignored;
    state_->socket.set_option(asio::socket_base::linger(true, 0), ignored);
    close();
}

asio::awaitable<void> TcpConnection::finish(std::chrono::milliseconds patience) {
    auto state = state_;
    if (state->closed) co_return;
    error_code ignored;
    state->socket.shutdown(tcp::socket::shutdown_send, ignored);
    const auto deadline = after(patience);
    std::vector<char> scratch(16384);
    for (std::size_t dropped = 0; dropped < (64u << 20);) {
        auto got = co_await state->receive(scratch.data(), scratch.size(), deadline);
        if (got.has_error() || *got == 0 || Clock::now() >= deadline) break;
        dropped += *got;
    }
    close();
}

Result<HostPort> parse_host_port(std::string_view address) {
    const auto wrong = [&](std::string_view why) {
        return make_error(ErrorCode::invalid_value, "address '" + std::string(address) + "' " +
                                                        std::string(why) +
                                                        "; it is written host:port, e.g. 127.0.0.1:7853");
    };
    const auto colon = address.rfind(':');
    if (colon == std::string_view::npos) return wrong("has no port");
    auto host = address.substr(0, colon);
    const auto digits = address.substr(colon + 1);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    else if (host.find(':') != std::string_view::npos)
        return wrong("has several colons (an IPv6 address stands in brackets)");
    if (host.empty()) return wrong("has no host");
    std::uint32_t port = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (digits.empty() || parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size() ||
        port > 65535)
        return wrong("has a port that is not a number from 0 to 65535");
    return HostPort{std::string(host), static_cast<std::uint16_t>(port)};
}

asio::awaitable<Result<TcpConnection>> connect(std::string address, Deadline deadline) {
    auto target = parse_host_port(address);
    if (target.has_error()) co_return std::move(target).error();
    const auto executor = co_await asio::this_coro::executor;
    const auto unreachable = [&](const std::string& why) {
        return make_error(ErrorCode::unavailable, address + " cannot be reached: " + why);
    };

    // One timer for resolving and connecting; it stops whichever is under way.
    struct Attempt {
        explicit Attempt(const asio::any_io_executor& on) : resolver(on), socket(on), timer(on) {}
        tcp::resolver resolver;
        tcp::socket socket;
        asio::steady_timer timer;
        bool late = false;
    };
    auto attempt = std::make_shared<Attempt>(executor);
    attempt->timer.expires_at(deadline);
    attempt->timer.async_wait([weak = std::weak_ptr<Attempt>(attempt)](const error_code& error) {
        auto self = weak.lock();
        if (error || !self) return;
        self->late = true;
        self->resolver.cancel();
        error_code ignored;
        self->socket.close(ignored);
    });

    std::vector<tcp::endpoint> endpoints;
    error_code error;
    if (const auto literal = asio::ip::make_address(target->host, error); !error) {
        endpoints.emplace_back(literal, target->port);
    } else {
        auto [failed, found] =
            co_await attempt->resolver.async_resolve(target->host, std::to_string(target->port), kAwait);
        if (attempt->late) co_return unreachable("its name was not resolved in time");
        if (failed) co_return unreachable("its name cannot be resolved: " + failed.message());
        for (const auto& entry : found)
            endpoints.push_back(entry.endpoint());
    }
    std::string why = "no address";
    for (const auto& endpoint : endpoints) {
        if (attempt->late) break;
        error_code ignored;
        attempt->socket.close(ignored);
        auto [failed] = co_await attempt->socket.async_connect(endpoint, kAwait);
        if (!failed && !attempt->late) {
            attempt->timer.cancel();
            co_return TcpConnection(std::move(attempt->socket));
        }
        why = failed ? failed.message() : why;
        const auto cancellation = co_await asio::this_coro::cancellation_state;
        if (cancellation.cancelled() != asio::cancellation_type::none)
            co_return make_error(ErrorCode::cancelled, "cancelled while connecting to " + address);
    }
    co_return unreachable(attempt->late ? "no answer in time" : why);
}

}  // namespace dl::net
