// Frames between a daemon and a process it has started, over one end of a socket pair: a kind, bytes, and
// from the daemon descriptors. Header, little-endian: u32 kind | u32 number of descriptors | u64 length. One
// thread sends and one receives at a time. Bounded by the socket's buffer: send() waits until the other side
// reads.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/shared_bytes.h"
#include "common/process/unique_fd.h"

namespace dl {

struct Frame {
    std::uint32_t kind = 0;
    SharedBytes bytes;
    std::vector<UniqueFd> fds;
};

class FrameChannel {
  public:
    // Returns when the socket may be ready for `events` (of poll), or with the error that ends the call.
    using Wait = std::function<Result<void>(int fd, short events)>;
    static constexpr std::size_t kFdsMax = 65536;

    FrameChannel() = default;
    explicit FrameChannel(UniqueFd socket) : socket_(std::move(socket)) {}
    static Result<std::pair<FrameChannel, FrameChannel>> make_pair();

    int fd() const { return socket_.get(); }
    void close() { socket_.reset(); }

    // UNAVAILABLE: the other side is gone. `before`: frames of framed() that go ahead of it, in one call of
    // the system where they fit.
    Result<void> send(std::uint32_t kind, std::span<const std::string_view> parts, std::span<const int> fds,
                      const Wait& wait, std::string_view before = {}) const;
    // A frame without descriptors as its bytes.
    static std::string framed(std::uint32_t kind, std::span<const std::string_view> parts);
    // UNAVAILABLE: the other side is gone; CORRUPT_DATA: more than `bytes_max` bytes or `fds_max`
    // descriptors.
    Result<Frame> receive(std::uint64_t bytes_max, std::size_t fds_max, const Wait& wait) const;

    // Waits without end.
    static Result<void> wait_for_ever(int fd, short events);
    // The other side has sent something, or is gone.
    bool is_readable() const;

  private:
    Result<void> send_some(std::vector<std::string_view>& parts, std::span<const int> fds,
                           const Wait& wait) const;
    Result<void> receive_bytes(char* to, std::size_t size, std::vector<UniqueFd>* fds,
                               const Wait& wait) const;
    UniqueFd socket_;
};

}  // namespace dl
