// Frames on a blocking socket, as any client may send them.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "common/base/byte_io.h"
namespace dl::master::testing {

// A client of raw bytes. Reads fail the test after half a minute.
class RawClient {
  public:
    explicit RawClient(std::uint16_t port) {
        fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
        const timeval patience{30, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        const int on = 1;
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    ~RawClient() { close(); }
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    void half_close() { ::shutdown(fd_, SHUT_WR); }

    void send_bytes(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            ASSERT_GT(sent, 0);
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    static std::string frame(std::string_view body) {
        std::string bytes(4, '\0');
        store_be32(bytes.data(), static_cast<std::uint32_t>(body.size()));
        return bytes.append(body);
    }
    void send_frame(std::string_view body) { send_bytes(frame(body)); }

    std::string read_bytes(std::size_t size) {
        std::string bytes(size, '\0');
        std::size_t at = 0;
        while (at < size) {
            const auto got = ::recv(fd_, bytes.data() + at, size - at, 0);
            if (got <= 0) {
                ADD_FAILURE() << "the connection ended after " << at << " of " << size << " bytes";
                return bytes.substr(0, at);
            }
            at += static_cast<std::size_t>(got);
        }
        return bytes;
    }
    std::int32_t read_code() {
        const auto bytes = read_bytes(4);
        return bytes.size() == 4 ? static_cast<std::int32_t>(load_be32(bytes.data())) : INT32_MIN;
    }
    std::string read_text() {
        const auto size = read_code();
        return size < 0 ? "" : read_bytes(static_cast<std::size_t>(size));
    }
    // True when the server has closed and sent nothing more.
    bool at_end() {
        char byte;
        return ::recv(fd_, &byte, 1, 0) <= 0;
    }
    // "ok", the error text, or the data frames joined by '|' and ended by "ok" or the error.
    std::string reply() {
        std::string text;
        for (;;) {
            const auto code = read_code();
            if (code == -1) return text + "ok";
            if (code == -2) return text + read_text();
            if (code < 0) return text + read_text();
            text += read_bytes(static_cast<std::size_t>(code)) + "|";
        }
    }
    std::string ask(std::string_view body) {
        send_frame(body);
        return reply();
    }
    std::string sql(const std::string& statement) { return ask(nlohmann::json{{"sql", statement}}.dump()); }

  private:
    int fd_ = -1;
};

}  // namespace dl::master::testing
