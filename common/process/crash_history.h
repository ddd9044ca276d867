// Which statements have taken a process down lately: the second crash of one within a minute refuses it for a
// minute. Pure but for a mutex; bounded. Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace dl {

class CrashHistory {
  public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::seconds kWindow{60};
    static constexpr std::chrono::seconds kRefusal{60};
    static constexpr std::size_t kStatementsMax = 1024;

    void note(std::uint64_t digest, Time now);
    // How long the statement is refused from now on; 0: it may run.
    std::chrono::seconds refused_for(std::uint64_t digest, Time now);
    // All crashes so far.
    std::uint64_t total() const;

  private:
    struct Entry {
        Time last;
        Time refused_until;
    };
    void forget_old(Time now);  // with mutex_ held
    mutable std::mutex mutex_;
    std::map<std::uint64_t, Entry> entries_;
    std::uint64_t total_ = 0;
};

}  // namespace dl
