#include "tests/support/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "tests/support/wire_bytes.h"

namespace dl::test {

bool error_leaves_outcome_open(std::string_view code) {
    for (const std::string_view open :
         {"TIMEOUT", "UNKNOWN_OUTCOME", "PARTIAL", "IO_ERROR", "CORRUPT_DATA", "INTERNAL"})
        if (code == open) return true;
    return false;
}

RawClient::RawClient(std::uint16_t port, std::chrono::milliseconds timeout) : port_(port) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd_ < 0) fail("socket");
    set_timeout(timeout);
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        const int error = errno;
        close();
        throw TransportError("connect to port " + std::to_string(port) + ": " + std::strerror(error));
    }
}

RawClient::RawClient(RawClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      port_(other.port_),
      buffer_(std::move(other.buffer_)),
      buffer_at_(std::exchange(other.buffer_at_, 0)) {}

RawClient& RawClient::operator=(RawClient&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(port_, other.port_);
    std::swap(buffer_, other.buffer_);
    std::swap(buffer_at_, other.buffer_at_);
    return *this;
}

RawClient::~RawClient() {
    close();
}

void RawClient::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

void RawClient::reset() {
    const linger hard{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
}

void RawClient::shutdown_write() {
    ::shutdown(fd_, SHUT_WR);
}

void RawClient::fail(const std::string& what) const {
    throw TransportError(what + " (port " + std::to_string(port_) + "): " + std::strerror(errno));
}

void RawClient::set_timeout(std::chrono::milliseconds timeout) {
    timeval tv{};
    tv.tv_sec = timeout.count() / 1000;
    tv.tv_usec = (timeout.count() % 1000) * 1000;
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
}

void RawClient::send_bytes(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) fail("send");
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

void RawClient::send_frame(std::string_view content) {
    send_bytes(frame(content));
}

void RawClient::fill(std::size_t bytes) {
    if (buffer_at_ == buffer_.size()) {
        buffer_.clear();
        buffer_at_ = 0;
    }
    std::array<char, 65536> chunk;
    while (buffer_.size() - buffer_at_ < bytes) {
        const auto got = ::recv(fd_, chunk.data(), chunk.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) throw TransportError("the server closed the connection");
        if (got < 0) fail(errno == EAGAIN ? "no reply in time" : "receive");
        buffer_.append(chunk.data(), static_cast<std::size_t>(got));
    }
}

std::int32_t RawClient::read_i32() {
    fill(4);
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i)
        value = value << 8 | static_cast<unsigned char>(buffer_[buffer_at_++]);
    return static_cast<std::int32_t>(value);
}

std::string RawClient::read_exactly(std::size_t bytes) {
    std::string out(bytes, '\0');
    std::size_t have = std::min(bytes, buffer_.size() - buffer_at_);
    std::memcpy(out.data(), buffer_.data() + buffer_at_, have);
    buffer_at_ += have;
    // The rest of a large frame goes straight to its place.
    while (have < bytes) {
        const auto got = ::recv(fd_, out.data() + have, bytes - have, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) throw TransportError("the server closed the connection in the middle of a frame");
        if (got < 0) fail(errno == EAGAIN ? "no reply in time" : "receive");
        have += static_cast<std::size_t>(got);
    }
    return out;
}

Reply RawClient::read_reply() {
    Reply reply;
    for (;;) {
        const auto code = read_i32();
        if (code >= 0) {
            reply.frames.push_back(read_exactly(static_cast<std::size_t>(code)));
            continue;
        }
        if (code == -1) return reply;
        if (code < -4)
            throw TransportError("reply code " + std::to_string(code) + " is none of the protocol");
        const auto length = read_i32();
        if (length < 0) throw TransportError("negative length behind reply code " + std::to_string(code));
        reply.kind = code == -2   ? Reply::Kind::error
                     : code == -3 ? Reply::Kind::desc
                                  : Reply::Kind::max_offset;
        reply.text = read_exactly(static_cast<std::size_t>(length));
        return reply;
    }
}

Reply RawClient::request(std::string_view json) {
    send_frame(json);
    return read_reply();
}

Reply RawClient::send_batch(std::string_view both_frames) {
    send_bytes(both_frames);
    return read_reply();
}

std::string RawClient::request_single_frame(std::string_view json) {
    send_frame(json);
    const auto code = read_i32();
    if (code == -2) {
        const auto length = read_i32();
        throw std::runtime_error(read_exactly(static_cast<std::size_t>(length)));
    }
    if (code < 0) throw TransportError("expected one frame, got code " + std::to_string(code));
    return read_exactly(static_cast<std::size_t>(code));
}

bool RawClient::closed_by_peer(std::chrono::milliseconds within) {
    const auto deadline = std::chrono::steady_clock::now() + within;
    std::array<char, 4096> chunk;
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        pollfd poll_fd{fd_, POLLIN, 0};
        if (::poll(&poll_fd, 1, static_cast<int>(left.count())) <= 0) continue;
        const auto got = ::recv(fd_, chunk.data(), chunk.size(), MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return true;
    }
}

}  // namespace dl::test
