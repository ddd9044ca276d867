#pragma once

#include <chrono>
#include <thread>

#include "common/base/error.h"

namespace dl {

/// How long a daemon that starts goes on asking for the lock of its data directory. A predecessor ended by
/// SIGKILL or by the kernel holds the lock until all it had mapped is given back, which takes a second or
/// two for a large one; a supervisor starts the next one at once.
inline constexpr std::chrono::milliseconds kLockWait{3000};

/// Calls `attempt` (returns a Result) until it gives anything but `unavailable`, or `wait` has passed.
/// Blocks; for starts only.
template <class Attempt>
auto wait_for_lock(Attempt attempt, std::chrono::milliseconds wait = kLockWait) -> decltype(attempt()) {
    const auto until = std::chrono::steady_clock::now() + wait;
    for (;;) {
        auto result = attempt();
        if (!result.has_error() || result.error().code != ErrorCode::unavailable) return result;
        if (std::chrono::steady_clock::now() >= until) return result;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

}  // namespace dl
