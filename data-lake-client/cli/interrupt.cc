#include "data-lake-client/cli/interrupt.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>

namespace datalake::cli {

Interrupts::Interrupts() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR1);  // ends the thread
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    thread_ = std::thread([this, signals] {
        for (;;) {
            int signal = 0;
            if (sigwait(&signals, &signal) != 0 || stop_) return;
            if (signal == SIGUSR1) continue;
            if (signal == SIGTERM) terminated_ = true;
            flag_ = true;
            const std::uint64_t one = 1;
            [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);
            std::lock_guard lock(mutex_);
            if (action_) {
                action_();
            } else if (!at_prompt_) {
                std::_Exit(128 + signal);
            }
        }
    });
}

Interrupts::~Interrupts() {
    stop_ = true;
    pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
    ::close(fd_);
}

void Interrupts::set_action(std::function<void()> action) {
    std::lock_guard lock(mutex_);
    action_ = std::move(action);
}

void Interrupts::drain() {
    std::uint64_t count = 0;
    while (::read(fd_, &count, sizeof count) > 0) {
    }
}

}  // namespace datalake::cli
