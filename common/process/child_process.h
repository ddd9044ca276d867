// A process that this one has started. Its end is waited for here, so that none stays as a zombie. Movable;
// one thread at a time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/error.h"

namespace dl {

// How a process ended.
struct ProcessExit {
    int status = 0;
    int signal = 0;  // not 0: by this signal
    std::string to_text() const;
};

class ChildProcess {
  public:
    // Starts `program` in a process group of its own, with nothing but descriptor 2, `fds` as 3, 4, ..., and
    // the arguments (the first is the name it shows). UNAVAILABLE when the system has no more processes or
    // memory.
    static Result<ChildProcess> start(const std::string& program, const std::vector<std::string>& arguments,
                                      std::span<const int> fds);
    ChildProcess() = default;
    ChildProcess(ChildProcess&& other) noexcept;
    ChildProcess& operator=(ChildProcess&& other) noexcept;
    ~ChildProcess();  // kills it and waits

    pid_t pid() const { return pid_; }
    void kill() const;
    // nullopt: it still runs after so long.
    std::optional<ProcessExit> wait(std::chrono::milliseconds time);
    // Memory of its own that it has mapped, written or not, and how much it may have (RLIMIT_DATA); false
    // when the kernel refused.
    std::uint64_t data_bytes() const;
    bool limit_data(std::uint64_t bytes) const;

  private:
    pid_t pid_ = -1;
    std::optional<ProcessExit> exit_;
};

// Memory of its own that a process has written to (without files, and without memory it shares); 0: it has
// ended.
std::uint64_t resident_bytes(pid_t pid);

}  // namespace dl
