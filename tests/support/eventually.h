// Waiting on a test's thread for what other threads do.
#pragma once

#include <chrono>
#include <thread>

namespace dl::test {

// False when the condition does not hold in time. Nothing passes because of it: a test that is right waits
// less.
template <class Condition>
bool eventually(Condition condition, std::chrono::milliseconds timeout = std::chrono::seconds(30)) {
    const auto until = std::chrono::steady_clock::now() + timeout;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

}  // namespace dl::test
