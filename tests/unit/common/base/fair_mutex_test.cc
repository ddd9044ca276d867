#include "common/base/fair_mutex.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace dl {
namespace {

// Back-to-back holds, as of small flushes, let everybody in between.
TEST(FairMutex, WhoTakesItAgainAndAgainKeepsNobodyOut) {
    FairMutex mutex;
    std::atomic<bool> stop{false};
    std::atomic<int> holds{0};
    std::thread busy([&] {
        while (!stop) {
            const std::lock_guard hold(mutex);
            ++holds;
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    });
    constexpr int kTurns = 20;
    int waited = 0;  // holds that were begun while this thread waited
    for (int i = 0; i < kTurns; ++i) {
        for (const int seen = holds; holds == seen;)
            std::this_thread::yield();
        const int before = holds;
        const std::lock_guard hold(mutex);
        waited += holds - before;
    }
    EXPECT_LE(waited, kTurns) << "at most the one that had asked before";
    stop = true;
    busy.join();
}

}  // namespace
}  // namespace dl
