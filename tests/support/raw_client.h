// A client of the data port on a plain socket: sends exactly the bytes it is given and takes replies apart by
// PROTOCOL section 1. One thread at a time. What goes wrong below the protocol (refused, closed, timed out, a
// code that is none) throws TransportError.
#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace dl::test {

struct TransportError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Reply {
    enum class Kind : std::uint8_t { ok, error, desc, max_offset };
    Kind kind = Kind::ok;
    std::vector<std::string> frames;  // data frames before the end
    std::string text;                 // of error, desc, max_offset

    bool ok() const { return kind != Kind::error; }
    // The stable word in front of an error, "" for a success.
    std::string code() const { return kind == Kind::error ? text.substr(0, text.find(':')) : std::string(); }
};

// May the statement that got this error code have been done all the same? (docs/protocol.md, outcomes)
bool error_leaves_outcome_open(std::string_view code);

class RawClient {
  public:
    static constexpr std::chrono::milliseconds kDefaultTimeout{60'000};

    explicit RawClient(std::uint16_t port, std::chrono::milliseconds timeout = kDefaultTimeout);
    RawClient(RawClient&& other) noexcept;
    RawClient& operator=(RawClient&& other) noexcept;
    ~RawClient();

    void set_timeout(std::chrono::milliseconds timeout);  // of each wait for bytes
    void send_bytes(std::string_view bytes);
    void send_frame(std::string_view content);
    Reply read_reply();
    // Sends a statement and reads its reply.
    Reply request(std::string_view json);
    Reply send_batch(std::string_view both_frames);  // wire_bytes.h: binary_batch_request
    // show_table answers one frame without the closing -1.
    std::string request_single_frame(std::string_view json);

    // For tests of framing.
    std::int32_t read_i32();
    std::string read_exactly(std::size_t bytes);
    bool closed_by_peer(std::chrono::milliseconds within);  // true: end of stream (or reset) came
    void shutdown_write();
    void close();
    void reset();  // closes with RST
    int fd() const { return fd_; }

  private:
    void fill(std::size_t bytes);
    [[noreturn]] void fail(const std::string& what) const;

    int fd_ = -1;
    std::uint16_t port_ = 0;
    std::string buffer_;  // received, not yet taken
    std::size_t buffer_at_ = 0;
};

}  // namespace dl::test
