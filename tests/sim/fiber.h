// A thread that is none: runs on a stack of its own until it blocks, then the simulation goes on with
// something else. What the product's code blocks on (mutexes, condition variables, sleeping) comes here
// through interpose.cc. All on the one thread of the simulation.
#pragma once

#include <ucontext.h>

#include <cstdint>
#include <functional>
#include <memory>

namespace dl::sim {

class Process;

class Fiber {
  public:
    enum class State : std::uint8_t { ready, waiting, locking, done };

    Fiber(Process& process, std::function<void()> work);
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    // Goes on until it blocks or has ended. From outside of fibers only.
    void resume();
    // The one that runs now; nullptr: none.
    static Fiber* current();

    // Of the current one: gives the thread back; returns when it is resumed.
    void pause();

    Process& process;
    State state = State::ready;
    const void* awaited = nullptr;   // what it waits for: a condition variable, a pool
    std::function<bool()> try_lock;  // state locking: true has taken the lock for it
    std::int64_t wake_at_us = -1;    // of the world's clock; waiting ends then at the latest
    bool timed_out = false;
    int locks = 0;  // that it holds, about

  private:
    static void enter();
    std::function<void()> work_;
    char* stack_ = nullptr;
    ucontext_t own_{}, caller_{};
};

}  // namespace dl::sim
