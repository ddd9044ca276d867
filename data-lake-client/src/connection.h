// One TCP connection: frames out, reply items in (docs/protocol.md, "Framing"). Blocking with a limit on
// every wait, interruptible through the Canceller. One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "data-lake-client/src/canceller.h"
#include "datalake/error.h"

namespace datalake {

struct Address {
    std::string host;
    std::string port;
    std::string text() const {
        return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port;
    }
};
Result<Address> parse_address(std::string_view text);

struct ReplyItem {
    enum class Kind : std::uint8_t { end, error, describe, max_offset, frame } kind = Kind::end;
    std::string body;
};

class Connection {
  public:
    struct Limits {
        std::chrono::milliseconds connect_timeout;
        std::chrono::milliseconds timeout;  // longest wait without progress; 0: none
        std::size_t frame_bytes_max;
    };
    static Result<std::unique_ptr<Connection>> open(const Address& address, const Limits& limits,
                                                    const Canceller& canceller);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // The server has closed it, or bytes came that nobody asked for.
    bool is_stale();
    // Each with its length in front. After an error the connection is of no use, except that the server may
    // have said why: next_item() tells.
    Result<void> send_frames(std::span<const std::string_view> frames);
    Result<ReplyItem> next_item();
    // Longest wait without progress, for the next calls.
    void set_timeout(std::chrono::milliseconds timeout) { limits_.timeout = timeout; }

  private:
    Connection(int fd, std::string peer, const Limits& limits, const Canceller& canceller);
    Result<void> wait(short events);
    Result<void> fill();
    Result<std::int32_t> read_code();
    Result<void> read_body(std::int32_t length, std::string& out);
    Error lost(std::string_view what) const;

    int fd_;
    std::string peer_;
    Limits limits_;
    const Canceller& canceller_;
    std::unique_ptr<char[]> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace datalake
