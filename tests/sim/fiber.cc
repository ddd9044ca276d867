#include "tests/sim/fiber.h"

#include <sys/mman.h>

#include <cstdlib>
#include <utility>
#include <vector>

namespace dl::sim {
namespace {

constexpr std::size_t kStackBytes = 512u << 10;
Fiber* running = nullptr;
std::vector<char*> free_stacks;

char* take_stack() {
    if (!free_stacks.empty()) {
        auto* stack = free_stacks.back();
        free_stacks.pop_back();
        return stack;
    }
    auto* memory = ::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    return static_cast<char*>(memory);
}

}  // namespace

Fiber::Fiber(Process& of, std::function<void()> work)
    : process(of), work_(std::move(work)), stack_(take_stack()) {
    ::getcontext(&own_);
    own_.uc_stack.ss_sp = stack_;
    own_.uc_stack.ss_size = kStackBytes;
    own_.uc_link = nullptr;
    ::makecontext(&own_, &Fiber::enter, 0);
}

// One that has not ended belongs to a process that was killed: nothing of it runs any more.
Fiber::~Fiber() {
    free_stacks.push_back(stack_);
}

Fiber* Fiber::current() {
    return running;
}

void Fiber::enter() {
    auto* self = running;
    self->work_();
    self->work_ = nullptr;
    self->state = State::done;
    for (;;)
        self->pause();
}

void Fiber::resume() {
    if (running != nullptr) std::abort();
    running = this;
    ::swapcontext(&caller_, &own_);
    running = nullptr;
}

void Fiber::pause() {
    running = this;
    ::swapcontext(&own_, &caller_);
}

}  // namespace dl::sim
