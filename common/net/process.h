// What a daemon asks of the operating system at start: signals, file descriptors.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace dl::net {

// Raises RLIMIT_NOFILE to its hard limit; returns what is in force. Logs when it is below 8192.
std::uint64_t raise_file_limit();

// Behind the grace that requests get: how long closing everything may take before the process ends without.
inline constexpr std::chrono::milliseconds kCloseTime{30'000};

// SIGPIPE is ignored. The first SIGTERM or SIGINT calls `graceful`, the second `forced` (default: the process
// exits with status 1 at once). A process that is still there `ends_within` after the first exits with status
// 1, whatever its threads do. All on a thread of its own, so that no other can be in the way. Lives as long
// as it is to work.
class SignalHandler {
  public:
    SignalHandler(std::function<void()> graceful, std::chrono::milliseconds ends_within,
                  std::function<void()> forced = {});
    ~SignalHandler();
    SignalHandler(const SignalHandler&) = delete;
    SignalHandler& operator=(const SignalHandler&) = delete;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace dl::net
