#include "common/net/transport.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "common/net/address.h"

namespace dl::net {
namespace {

constexpr std::size_t kGatherMax = 64;  // parts per system call

bool is_again(int error) {
    return error == EAGAIN || error == EWOULDBLOCK;
}

Error failed(int error) {
    char text[128];
    return make_error(ErrorCode::unavailable, ::strerror_r(error, text, sizeof text));
}

std::string peer_of(int socket) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
        ::getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host, sizeof host, port, sizeof port,
                      NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return "unknown peer";
    const bool v6 = std::strchr(host, ':') != nullptr;
    return (v6 ? "[" + std::string(host) + "]" : std::string(host)) + ":" + port;
}

class PlainTransport final : public Transport {
  public:
    explicit PlainTransport(int socket) : socket_(socket), peer_(peer_of(socket)) {}

    Result<Moved> read_some(std::span<char> out) override {
        for (;;) {
            const auto got = ::recv(socket_, out.data(), out.size(), MSG_DONTWAIT);
            if (got >= 0) {
                const auto bytes = static_cast<std::size_t>(got);
                return Moved{bytes, bytes > 0 && bytes < out.size() ? Wait::readable : Wait::none};
            }
            if (is_again(errno)) return Moved{0, Wait::readable};
            if (errno != EINTR) return failed(errno);
        }
    }

    Result<Moved> write_some(std::span<const std::string_view> parts, std::size_t offset) override {
        std::array<iovec, kGatherMax> gather;
        const auto count = std::min(parts.size(), kGatherMax);
        std::size_t offered = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const auto part = i == 0 ? parts[i].substr(offset) : parts[i];
            gather[i] = {const_cast<char*>(part.data()), part.size()};
            offered += part.size();
        }
        msghdr message{};
        message.msg_iov = gather.data();
        message.msg_iovlen = count;
        for (;;) {
            const auto sent = ::sendmsg(socket_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent >= 0) {
                const auto bytes = static_cast<std::size_t>(sent);
                return Moved{bytes, bytes < offered ? Wait::writable : Wait::none};
            }
            if (is_again(errno)) return Moved{0, Wait::writable};
            if (errno != EINTR) return failed(errno);
        }
    }

    void end_writing() override { (void)::shutdown(socket_, SHUT_WR); }

    bool is_idle() override {
        char byte = 0;
        return ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (is_again(errno) || errno == EINTR);
    }

    bool socket_is_stream() const override { return true; }
    const std::string& peer() const override { return peer_; }

  private:
    const int socket_;
    const std::string peer_;
};

}  // namespace

std::unique_ptr<Transport> plain_transport(int socket) {
    return std::make_unique<PlainTransport>(socket);
}

void set_tcp_options(int socket) {
    const int on = 1, idle_seconds = 60, interval_seconds = 15, probes = 4;
    (void)::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)::setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof idle_seconds);
    (void)::setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval_seconds, sizeof interval_seconds);
    (void)::setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

}  // namespace dl::net
