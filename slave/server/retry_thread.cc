#include "slave/server/retry_thread.h"

#include <algorithm>
#include <utility>

namespace dl::slave {
namespace {

constexpr unsigned kPauseBitsMax = 6;  // at most 2^6 - 1 ticks between two runs

}  // namespace

void RetryThread::tick(std::function<bool()> work) {
    const auto state = state_.lock();
    if (state->stopped || state->running) return;
    if (state->ticks_to_wait > 0) {
        --state->ticks_to_wait;
        return;
    }
    state->running = true;
    // The one before has ended.
    state->thread = std::jthread([this, work = std::move(work)] {
        const bool done = work();
        const auto ended = state_.lock();
        ended->running = false;
        ended->failures = done ? 0 : std::min(ended->failures + 1, kPauseBitsMax);
        ended->ticks_to_wait = done ? 0 : (std::uint64_t{1} << ended->failures) - 1;
    });
}

void RetryThread::stop() {
    std::jthread last;
    {
        const auto state = state_.lock();
        state->stopped = true;
        last.swap(state->thread);
    }
    if (last.joinable()) last.join();
}

}  // namespace dl::slave
