// A scripted peer on loopback that speaks the frames of the protocol. The script runs on a thread per connection.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "common/base/byte_io.h"

namespace datalake::test {

class FakePeer {
  public:
    explicit FakePeer(int fd) : fd_(fd) {}
    ~FakePeer() { ::close(fd_); }
    FakePeer(const FakePeer&) = delete;
    FakePeer& operator=(const FakePeer&) = delete;

    std::optional<std::string> read_frame() {
        const auto length = read_bytes(4);
        if (!length) return std::nullopt;
        return read_bytes(dl::load_be32(length->data()));
    }
    void write(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    void code(std::int32_t code) {
        char bytes[4];
        dl::store_be32(bytes, static_cast<std::uint32_t>(code));
        write({bytes, 4});
    }
    void done() { code(-1); }
    void frame(std::string_view body) {
        code(static_cast<std::int32_t>(body.size()));
        write(body);
    }
    void coded(std::int32_t kind, std::string_view body) {
        code(kind);
        frame(body);
    }
    void error(std::string_view text) { coded(-2, text); }
    void shut_down() { ::shutdown(fd_, SHUT_RDWR); }

  private:
    std::optional<std::string> read_bytes(std::size_t count) {
        std::string bytes(count, '\0');
        std::size_t have = 0;
        while (have < count) {
            const auto got = ::recv(fd_, bytes.data() + have, count - have, 0);
            if (got <= 0) return std::nullopt;
            have += static_cast<std::size_t>(got);
        }
        return bytes;
    }
    int fd_;
};

class FakeServer {
  public:
    // `connection` counts from 0.
    using Script = std::function<void(FakePeer& peer, int connection)>;
    explicit FakeServer(Script script) : script_(std::move(script)) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
        ::listen(listener_, 16);
        socklen_t size = sizeof address;
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        acceptor_ = std::thread([this] { accept_all(); });
    }
    ~FakeServer() {
        stopping_ = true;
        ::shutdown(listener_, SHUT_RDWR);
        acceptor_.join();
        ::close(listener_);
        for (auto& peer : peers_) peer.shut_down();
        for (auto& thread : threads_) thread.join();
    }
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    int connections() const { return connections_; }

  private:
    void accept_all() {
        for (;;) {
            const int fd = ::accept(listener_, nullptr, nullptr);
            if (fd < 0 || stopping_) {
                if (fd >= 0) ::close(fd);
                return;
            }
            auto& peer = peers_.emplace_back(fd);
            threads_.emplace_back([this, &peer, number = connections_++] {
                script_(peer, number);
                peer.shut_down();
            });
        }
    }

    Script script_;
    int listener_ = -1;
    unsigned short port_ = 0;
    std::atomic<bool> stopping_{false};
    std::atomic<int> connections_{0};
    std::list<FakePeer> peers_;
    std::list<std::thread> threads_;
    std::thread acceptor_;
};

}  // namespace datalake::test
