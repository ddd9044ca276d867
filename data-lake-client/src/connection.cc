#include "data-lake-client/src/connection.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "common/base/byte_io.h"

namespace datalake {

using dl::net::Transport;

namespace {

constexpr std::size_t kBufferBytes = 256u << 10;
constexpr std::size_t kGrowBytes = 8u << 20;  // memory follows the bytes that really come
constexpr std::size_t kErrorBytesMax = 1u << 20;

std::string errno_text(int error) {
    char text[128];
    return ::strerror_r(error, text, sizeof text);
}

Error cancelled_error() {
    return Error(ErrorCode::cancelled, "cancelled", Outcome::maybe_done);
}

struct AddressList {
    addrinfo* first = nullptr;
    ~AddressList() {
        if (first != nullptr) ::freeaddrinfo(first);
    }
};

// 0, or the errno of the failure; -1 when cancelled.
int connect_within(int fd, const addrinfo& to, int timeout_ms, const Canceller& canceller) {
    if (::connect(fd, to.ai_addr, to.ai_addrlen) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    for (;;) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        pollfd waits[2] = {{fd, POLLOUT, 0}, {canceller.fd(), POLLIN, 0}};
        const int ready = ::poll(waits, 2, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
        if (canceller.cancelled()) return -1;
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0) return ETIMEDOUT;
        int error = 0;
        socklen_t size = sizeof error;
        if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
        return error;
    }
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const dl::net::Address& address, const Limits& limits,
                                                     const Canceller& canceller) {
    AddressList list;
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    const int resolved =
        ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &list.first);
    if (resolved != 0)
        return Error(ErrorCode::connect_failed,
                     "cannot resolve " + address.host + ": " + ::gai_strerror(resolved));
    int why = 0;
    for (const addrinfo* to = list.first; to != nullptr; to = to->ai_next) {
        const int fd = ::socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            why = errno;
            continue;
        }
        const int error =
            connect_within(fd, *to, static_cast<int>(limits.connect_timeout.count()), canceller);
        if (error == 0) {
            dl::net::set_tcp_options(fd);
            return std::unique_ptr<Connection>(new Connection(fd, address.text(), limits, canceller));
        }
        ::close(fd);
        if (error < 0)
            return Error(ErrorCode::cancelled, "cancelled while connecting", Outcome::nothing_done);
        why = error;
    }
    return Error(ErrorCode::connect_failed, "cannot connect to " + address.text() + ": " + errno_text(why));
}

Connection::Connection(int fd, std::string peer, const Limits& limits, const Canceller& canceller)
    : fd_(fd),
      transport_(dl::net::plain_transport(fd)),
      peer_(std::move(peer)),
      limits_(limits),
      canceller_(canceller),
      buffer_(std::make_unique_for_overwrite<char[]>(kBufferBytes)) {}

Connection::~Connection() {
    transport_.reset();
    ::close(fd_);
}

Error Connection::lost(std::string_view what) const {
    return Error(ErrorCode::connection_lost, "the connection to " + peer_ + " broke: " + std::string(what));
}

bool Connection::is_stale() {
    return begin_ != end_ || !transport_->is_idle();
}

Result<short> Connection::wait(short events) {
    const int limit = limits_.timeout.count() == 0 ? -1 : static_cast<int>(limits_.timeout.count());
    for (;;) {
        pollfd waits[2] = {{fd_, events, 0}, {canceller_.fd(), POLLIN, 0}};
        const int ready = ::poll(waits, 2, limit);
        if (canceller_.cancelled()) return cancelled_error();
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0) return lost(errno_text(errno));
        if (ready == 0)
            return Error(ErrorCode::timeout, "no answer from " + peer_ + " for " +
                                                 std::to_string(limits_.timeout.count()) +
                                                 " ms; the connection was given up");
        if (waits[0].revents != 0) return waits[0].revents;
    }
}

Result<void> Connection::send_frames(std::span<const std::string_view> frames) {
    std::vector<char> lengths(frames.size() * 4);
    std::vector<std::string_view> parts;
    for (std::size_t i = 0; i < frames.size(); ++i) {
        if (frames[i].size() > 0x7fffffff)
            return Error(ErrorCode::invalid_argument, "a frame of " + std::to_string(frames[i].size()) +
                                                          " bytes; the protocol ends at 2147483647");
        dl::store_be32(lengths.data() + i * 4, static_cast<std::uint32_t>(frames[i].size()));
        parts.emplace_back(lengths.data() + i * 4, 4);
        parts.push_back(frames[i]);
    }
    std::size_t at = 0, offset = 0;
    for (;;) {
        while (at < parts.size() && offset == parts[at].size()) {
            ++at;
            offset = 0;
        }
        if (at == parts.size()) return {};
        if (canceller_.cancelled()) return cancelled_error();
        const auto moved = transport_->write_some(std::span(parts).subspan(at), offset);
        if (moved.has_error()) return lost(moved.error().message);
        for (auto left = moved->bytes; left > 0;) {
            const auto step = std::min(left, parts[at].size() - offset);
            left -= step;
            offset += step;
            if (offset == parts[at].size()) {
                ++at;
                offset = 0;
            }
        }
        if (moved->wait == Transport::Wait::none) continue;
        auto ready = wait(moved->wait == Transport::Wait::writable ? POLLOUT | POLLIN : POLLIN);
        if (!ready.ok()) return ready.error();
        // Nothing comes before a reply: the server refuses the frame without reading it.
        if (moved->wait == Transport::Wait::writable && (*ready & POLLIN) != 0)
            return lost("the server answered before it had the whole request");
    }
}

Result<std::size_t> Connection::read_some(std::span<char> out) {
    for (;;) {
        if (canceller_.cancelled()) return cancelled_error();
        const auto moved = transport_->read_some(out);
        if (moved.has_error()) return lost(moved.error().message);
        if (moved->bytes > 0) return moved->bytes;
        if (moved->wait == Transport::Wait::none) return lost("closed by the server");
        if (auto ready = wait(moved->wait == Transport::Wait::readable ? POLLIN : POLLOUT); !ready.ok())
            return ready.error();
    }
}

Result<void> Connection::fill() {
    begin_ = end_ = 0;
    auto got = read_some({buffer_.get(), kBufferBytes});
    if (!got.ok()) return got.error();
    end_ = *got;
    return {};
}

Result<std::int32_t> Connection::read_code() {
    char bytes[4];
    std::size_t have = 0;
    while (have < 4) {
        if (begin_ == end_)
            if (auto filled = fill(); !filled.ok()) return filled.error();
        const auto take = std::min(std::size_t{4} - have, end_ - begin_);
        std::memcpy(bytes + have, buffer_.get() + begin_, take);
        have += take;
        begin_ += take;
    }
    return static_cast<std::int32_t>(dl::load_be32(bytes));
}

Result<void> Connection::read_body(std::int32_t length, std::string& out) {
    const auto size = static_cast<std::size_t>(length);
    out.clear();
    while (out.size() < size) {
        if (begin_ != end_) {
            const auto take = std::min(size - out.size(), end_ - begin_);
            out.append(buffer_.get() + begin_, take);
            begin_ += take;
            continue;
        }
        const auto left = size - out.size();
        if (left <= kBufferBytes) {
            if (auto filled = fill(); !filled.ok()) return filled;
            continue;
        }
        // Big rest: straight into place.
        const auto at = out.size();
        const auto step = std::min(left, kGrowBytes);
        out.resize(at + step);
        std::size_t got_bytes = 0;
        while (got_bytes < step) {
            auto got = read_some({out.data() + at + got_bytes, step - got_bytes});
            if (!got.ok()) return got.error();
            got_bytes += *got;
        }
    }
    return {};
}

Result<ReplyItem> Connection::next_item() {
    ReplyItem item;
    auto code = read_code();
    if (!code.ok()) return code.error();
    auto length = *code;
    switch (length) {
        case -1:
            return item;
        case -2:
            item.kind = ReplyItem::Kind::error;
            break;
        case -3:
            item.kind = ReplyItem::Kind::describe;
            break;
        case -4:
            item.kind = ReplyItem::Kind::max_offset;
            break;
        default:
            item.kind = ReplyItem::Kind::frame;
    }
    if (item.kind != ReplyItem::Kind::frame) {
        auto read = read_code();
        if (!read.ok()) return read.error();
        length = *read;
    }
    const auto limit = item.kind == ReplyItem::Kind::error ? kErrorBytesMax : limits_.frame_bytes_max;
    if (length < 0)
        return Error(ErrorCode::protocol_error,
                     "what listens at " + peer_ + " does not answer as a master does (a frame of " +
                         std::to_string(length) + " bytes); name the address of the master, not of a slave");
    if (static_cast<std::size_t>(length) > limit)
        return Error(ErrorCode::protocol_error, "the reply of " + peer_ + " has a frame of " +
                                                    std::to_string(length) + " bytes; the limit is " +
                                                    std::to_string(limit));
    if (auto read = read_body(length, item.body); !read.ok()) return read.error();
    return item;
}

}  // namespace datalake
