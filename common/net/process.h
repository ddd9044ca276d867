// What a daemon asks of the operating system at start: signals, file descriptors.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>

namespace dl::net {

// Raises RLIMIT_NOFILE to its hard limit; returns what is in force. Logs when it is below 8192.
std::uint64_t raise_file_limit();

// SIGPIPE is ignored. The first SIGTERM or SIGINT calls `graceful` on the executor, the second `forced`
// (default: the process exits with status 1 at once). Lives as long as it is to work.
class SignalHandler {
  public:
    SignalHandler(boost::asio::any_io_executor executor, std::function<void()> graceful,
                  std::function<void()> forced = {});
    ~SignalHandler();
    SignalHandler(const SignalHandler&) = delete;
    SignalHandler& operator=(const SignalHandler&) = delete;

  private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace dl::net
