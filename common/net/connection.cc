#include "common/net/connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <tuple>

#include "common/net/transfer_progress.h"

namespace dl::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kNoStall = std::chrono::milliseconds::max();
constexpr std::chrono::milliseconds kDropRest{5000};
constexpr std::size_t kBytesPerTurn = 1u << 20;  // moved without waiting before other sessions get the thread

// Beyond the clock's range: kNoDeadline.
Deadline after(std::chrono::milliseconds delay) {
    if (delay == kNoStall) return kNoDeadline;
    const auto now = Clock::now();
    return delay > std::chrono::duration_cast<std::chrono::milliseconds>(kNoDeadline - now) ? kNoDeadline
                                                                                            : now + delay;
}

struct FreeBytes {
    void operator()(char* bytes) const { std::free(bytes); }
};

}  // namespace

struct Connection::State : std::enable_shared_from_this<Connection::State> {
    State(tcp::socket taken, const MakeTransport& make)
        : socket(std::move(taken)),
          transport(make(socket.native_handle())),
          socket_is_stream(transport->socket_is_stream()),
          watchdog(socket.get_executor()) {}

    enum class Side : std::uint8_t { read, write };
    struct WaitUnderWay {
        Deadline deadline = kNoDeadline;
        bool timed_out = false;
    };

    tcp::socket socket;
    const std::unique_ptr<Transport> transport;
    const bool socket_is_stream;
    asio::steady_timer watchdog;
    Deadline armed = kNoDeadline;
    std::array<WaitUnderWay, 2> waits;
    bool closed = false;
    Transport::Wait before_read = Transport::Wait::none;  // what the next read has to wait for
    std::size_t turn = 0;                                 // bytes read since the reader last waited
    std::size_t begin = 0;
    std::size_t end = 0;
    std::array<char, kReadAheadBytes> ahead;

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

    void close() {
        if (closed) return;
        closed = true;
        error_code ignored;
        watchdog.cancel();
        socket.close(ignored);
    }

    WaitUnderWay& wait_of(Side side) { return waits[static_cast<std::size_t>(side)]; }
    const std::string& peer() const { return transport->peer(); }
    Error closed_error() const {
        return make_error(ErrorCode::unavailable, "connection to " + peer() + " was closed");
    }
    Error end_error() const { return make_error(ErrorCode::unavailable, "connection closed by " + peer()); }
    Error failed(const Error& why) const {
        return make_error(why.code, "connection to " + peer() + " failed: " + why.message);
    }
    Error late_error(Side side) const {
        return make_error(ErrorCode::timeout, side == Side::read
                                                  ? "no bytes from " + peer() + " within the time allowed"
                                                  : peer() + " took no bytes within the time allowed");
    }
    Error cancelled_error() const {
        return make_error(ErrorCode::cancelled, "cancelled, connection to " + peer());
    }

    std::size_t take_ahead(char* out, std::size_t size) {
        const auto taken = std::min(size, end - begin);
        std::memcpy(out, ahead.data() + begin, taken);
        begin += taken;
        return taken;
    }

    static tcp::socket::wait_type event_of(Transport::Wait wait) {
        return wait == Transport::Wait::writable ? tcp::socket::wait_write : tcp::socket::wait_read;
    }
    // Before every wait: an error when there is nothing to wait for any more.
    std::optional<Error> begin_wait(Side side, Deadline deadline,
                                    const asio::cancellation_state& cancellation) {
        auto& wait = wait_of(side);
        if (closed) return closed_error();
        if (cancellation.cancelled() != asio::cancellation_type::none) return cancelled_error();
        if (deadline != kNoDeadline) {
            // Looked at here too: a socket that is ready each time would always be faster than the watchdog.
            if (wait.timed_out || deadline <= Clock::now()) {
                wait.timed_out = false;
                return late_error(side);
            }
            wait.deadline = deadline;
            arm(deadline);
        }
        return std::nullopt;
    }
    // After it. Without an error where it ended for another reason than an event: closed, cancelled, late, or
    // the other side is; begin_wait() tells.
    std::optional<Error> end_wait(Side side, const error_code& error) {
        auto& wait = wait_of(side);
        wait.deadline = kNoDeadline;
        if (!error) wait.timed_out = false;
        if (!error || error == asio::error::operation_aborted) return std::nullopt;
        return failed(make_error(ErrorCode::unavailable, error.message()));
    }

    // Some bytes; 0 at end of stream. `deadline` bounds all of it, `stall` each wait.
    asio::awaitable<Result<std::size_t>> receive(std::span<char> out, std::chrono::milliseconds stall,
                                                 Deadline deadline) {
        auto self = shared_from_this();
        for (;;) {
            if (before_read != Transport::Wait::none) {
                turn = 0;
                const auto until = std::min(deadline, after(stall));
                for (error_code error = asio::error::operation_aborted; error;) {
                    const auto cancellation = co_await asio::this_coro::cancellation_state;
                    if (auto stopped = begin_wait(Side::read, until, cancellation))
                        co_return std::move(*stopped);
                    if (socket_is_stream && before_read == Transport::Wait::readable) {
                        std::size_t got = 0;
                        std::tie(error, got) =
                            co_await socket.async_read_some(asio::buffer(out.data(), out.size()), kAwait);
                        if (!error && got == out.size()) before_read = Transport::Wait::none;
                        if (error == asio::error::eof) error = {};
                        if (!error) {
                            (void)end_wait(Side::read, error);
                            turn = got;
                            co_return got;
                        }
                    } else {
                        std::tie(error) = co_await socket.async_wait(event_of(before_read), kAwait);
                    }
                    if (auto broken = end_wait(Side::read, error)) co_return std::move(*broken);
                }
                before_read = Transport::Wait::none;
            } else if (turn >= kBytesPerTurn) {
                turn = 0;
                co_await asio::post(socket.get_executor(), asio::use_awaitable);
            }
            if (closed) co_return closed_error();
            auto moved = transport->read_some(out);
            if (moved.has_error()) co_return failed(moved.error());
            before_read = moved->wait;
            turn += moved->bytes;
            if (moved->bytes > 0 || moved->wait == Transport::Wait::none) co_return moved->bytes;
        }
    }

    // Until the transport may write on.
    asio::awaitable<Result<void>> wait_to_write(Transport::Wait what, Deadline deadline) {
        auto self = shared_from_this();
        for (error_code error = asio::error::operation_aborted; error;) {
            const auto cancellation = co_await asio::this_coro::cancellation_state;
            if (auto stopped = begin_wait(Side::write, deadline, cancellation)) co_return std::move(*stopped);
            std::tie(error) = co_await socket.async_wait(event_of(what), kAwait);
            if (auto broken = end_wait(Side::write, error)) co_return std::move(*broken);
        }
        co_return Result<void>{};
    }

    // Exactly all of `out`.
    asio::awaitable<Result<void>> fill(std::span<char> out, std::chrono::milliseconds stall,
                                       Deadline deadline) {
        auto self = shared_from_this();
        auto done = take_ahead(out.data(), out.size());
        while (done < out.size()) {
            DL_CO_TRY_ASSIGN(const auto got, co_await receive(out.subspan(done), stall, deadline));
            if (got == 0) co_return end_error();
            done += got;
        }
        co_return Result<void>{};
    }

    // Whose memory grows as its bytes come can be asked to make room.
    static bool contended(const BodyMemory& memory) {
        return memory.charge == BodyMemory::Charge::arriving && memory.share != nullptr &&
               memory.share->bytes() > 0 && memory.budget->contended();
    }

    // All of `out` from `done` on, which counts what has come, also when it fails.
    asio::awaitable<Result<void>> fill(std::span<char> out, std::size_t& done, TransferProgress& progress,
                                       const BodyMemory& memory) {
        auto self = shared_from_this();
        const auto ahead_bytes = take_ahead(out.data() + done, out.size() - done);
        done += ahead_bytes;
        progress.moved(ahead_bytes);
        while (done < out.size()) {
            const bool holds = memory.share != nullptr && memory.share->bytes() > 0;
            const auto look_at = progress.look_at(holds);
            auto got = co_await receive(out.subspan(done), kNoStall, look_at);
            if (got.has_error() && got.error().code != ErrorCode::timeout) co_return std::move(got).error();
            if (got.has_value()) {
                if (*got == 0) co_return end_error();
                done += *got;
                progress.moved(*got);
                if (done == out.size()) break;
            }
            const auto verdict = progress.judge(Clock::now(), contended(memory));
            if (verdict == TransferProgress::Verdict::too_slow) co_return late_error(Side::read);
            if (verdict == TransferProgress::Verdict::in_the_way)
                co_return make_error(ErrorCode::overloaded,
                                     "others wait for the memory for requests in flight, and this request "
                                     "comes too slowly; send smaller ones, or retry later");
        }
        co_return Result<void>{};
    }
};

Connection::Connection(tcp::socket socket, const MakeTransport& transport) {
    error_code ignored;
    set_tcp_options(socket.native_handle());
    socket.native_non_blocking(true, ignored);
    state_ = std::make_shared<State>(std::move(socket), transport);
}

Connection::~Connection() {
    if (state_) close();
}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&& other) noexcept {
    if (this != &other) {
        if (state_) close();
        state_ = std::move(other.state_);
    }
    return *this;
}

asio::any_io_executor Connection::executor() const {
    return state_->socket.get_executor();
}
const std::string& Connection::peer() const {
    return state_->peer();
}
std::size_t Connection::buffered() const {
    return state_->end - state_->begin;
}
bool Connection::is_open() const {
    return state_ != nullptr && !state_->closed;
}

asio::awaitable<Result<bool>> Connection::wait_for_bytes(Deadline deadline) {
    auto state = state_;
    if (state->begin < state->end) co_return true;
    state->begin = state->end = 0;
    DL_CO_TRY_ASSIGN(state->end, co_await state->receive(state->ahead, kNoStall, deadline));
    co_return state->end > 0;
}

asio::awaitable<Result<void>> Connection::read_exactly(void* out, std::size_t size, Deadline deadline) {
    auto state = state_;
    auto* to = static_cast<char*>(out);
    auto done = state->take_ahead(to, size);
    while (done < size) {
        if (size - done > kReadAheadBytes)
            co_return co_await state->fill({to + done, size - done}, kNoStall, deadline);
        // Through the read-ahead buffer: what follows the header comes with the same system call.
        DL_CO_TRY_ASSIGN(const bool there, co_await wait_for_bytes(deadline));
        if (!there) co_return state->end_error();
        done += state->take_ahead(to + done, size - done);
    }
    co_return Result<void>{};
}

asio::awaitable<Result<SharedBytes>> Connection::read_body(std::size_t size, const TransferLimits& limits,
                                                           Deadline deadline, const BodyMemory& memory) {
    auto state = state_;
    TransferProgress progress(limits, size, Clock::now(), deadline);
    const bool budgeted = memory.budget != nullptr && memory.share != nullptr;
    std::size_t capacity = std::min(size, kUnbudgetedBytes);
    std::unique_ptr<char, FreeBytes> bytes(
        static_cast<char*>(std::malloc(std::max<std::size_t>(capacity, 1))));
    std::size_t done = 0;
    auto out_of_memory = [&] {
        return make_error(ErrorCode::overloaded,
                          "no memory for a frame of " + std::to_string(size) + " bytes");
    };
    if (bytes == nullptr) co_return out_of_memory();
    std::optional<Error> overloaded;
    for (;;) {
        auto filled = co_await state->fill({bytes.get(), capacity}, done, progress, memory);
        if (filled.has_error() && filled.error().code != ErrorCode::overloaded)
            co_return std::move(filled).error();
        if (filled.has_error()) overloaded = std::move(filled).error();
        if (overloaded || done == size) break;
        capacity = size / 2 < capacity ? size : capacity * 2;
        if (budgeted) {
            const auto before = Clock::now();
            const auto wanted = memory.charge == BodyMemory::Charge::whole ? size : capacity;
            auto room = co_await memory.budget->grow(*memory.share, wanted,
                                                     std::min(deadline, after(memory.patience)));
            if (room.has_error() && room.error().code != ErrorCode::overloaded)
                co_return std::move(room).error();
            if (room.has_error()) overloaded = std::move(room).error();
            if (overloaded) break;
            progress.pause(before, Clock::now());
        }
        auto* grown = static_cast<char*>(std::realloc(bytes.get(), capacity));
        if (grown == nullptr) overloaded = out_of_memory();
        if (overloaded) break;
        (void)bytes.release();
        bytes.reset(grown);
    }
    if (overloaded) {
        bytes.reset();
        if (budgeted) memory.share->release();
        (void)co_await skip(size - done, limits, std::min(deadline, after(kDropRest)));
        co_return std::move(*overloaded);
    }
    std::shared_ptr<char> owner(std::move(bytes));
    const void* start = owner.get();
    co_return SharedBytes(std::move(owner), start, size);
}

asio::awaitable<Result<void>> Connection::skip(std::size_t size, const TransferLimits& limits,
                                               Deadline deadline) {
    auto state = state_;
    std::vector<char> scratch(16384);
    while (size > 0) {
        const auto part = std::min(size, scratch.size());
        DL_CO_TRY(co_await state->fill({scratch.data(), part}, limits.stall, deadline));
        size -= part;
    }
    co_return Result<void>{};
}

asio::awaitable<Result<void>> Connection::write(std::span<const std::string_view> parts,
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

        auto moved = state->transport->write_some(parts.subspan(index), offset);
        if (moved.has_error()) co_return state->failed(moved.error());
        auto left = moved->bytes;
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
        if (moved->wait != Transport::Wait::none) {
            turn = 0;
            if (until == kNoDeadline) {
                const auto rate = std::max<std::size_t>(limits.bytes_per_second_min, 1);
                until =
                    std::min(deadline, after(limits.stall + std::chrono::milliseconds(total * 1000 / rate)));
            }
            DL_CO_TRY(co_await state->wait_to_write(moved->wait, std::min(until, after(limits.stall))));
        } else if (turn >= kBytesPerTurn) {
            turn = 0;
            co_await asio::post(state->socket.get_executor(), asio::use_awaitable);
        }
    }
}

asio::awaitable<Result<void>> Connection::write(std::string_view bytes, const TransferLimits& limits,
                                                Deadline deadline) {
    const std::array<std::string_view, 1> parts{bytes};
    co_return co_await write(std::span<const std::string_view>(parts), limits, deadline);
}

bool Connection::idle_and_open() const {
    return is_open() && buffered() == 0 && state_->transport->is_idle();
}

void Connection::close() {
    if (state_) state_->close();
}

void Connection::abort() {
    if (!state_) return;
    asio::dispatch(state_->socket.get_executor(), [state = state_] {
        if (state->closed) return;
        error_code ignored;
        state->socket.set_option(asio::socket_base::linger(true, 0), ignored);
        state->close();
    });
}

asio::awaitable<void> Connection::finish(std::chrono::milliseconds patience) {
    auto state = state_;
    if (state->closed) co_return;
    state->transport->end_writing();
    const auto deadline = after(patience);
    std::vector<char> scratch(16384);
    for (std::size_t dropped = 0; dropped < (64u << 20);) {
        auto got = co_await state->receive(scratch, kNoStall, deadline);
        if (got.has_error() || *got == 0 || Clock::now() >= deadline) break;
        dropped += *got;
    }
    close();
}

}  // namespace dl::net
