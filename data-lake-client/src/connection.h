// One TCP connection: frames out, reply items in (docs/protocol.md, "Framing"). Bytes go through a
// Transport; blocking, with a limit on every wait, interruptible through the Canceller. One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/net/address.h"
#include "common/net/transport.h"
#include "data-lake-client/src/canceller.h"
#include "datalake/error.h"

namespace datalake {

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
    static Result<std::unique_ptr<Connection>> open(const dl::net::Address& address, const Limits& limits,
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
    // The events that came.
    Result<short> wait(short events);
    // At least one byte; the server closing is an error.
    Result<std::size_t> read_some(std::span<char> out);
    Result<void> fill();
    Result<std::int32_t> read_code();
    Result<void> read_body(std::int32_t length, std::string& out);
    Error lost(std::string_view what) const;

    const int fd_;
    std::unique_ptr<dl::net::Transport> transport_;
    const std::string peer_;
    Limits limits_;
    const Canceller& canceller_;
    std::unique_ptr<char[]> buffer_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
};

}  // namespace datalake
