// Ctrl-C (and SIGTERM) as a call on a thread of its own, so that the handler may lock and allocate.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

namespace datalake::cli {

class Interrupts {
  public:
    // Blocks SIGINT and SIGTERM in the calling thread and all it starts later: construct it first in main().
    Interrupts();
    ~Interrupts();
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

    // What a signal does from now on; empty: it ends the program, or sets the flag when at a prompt.
    void set_action(std::function<void()> action);
    void set_at_prompt(bool at_prompt) { at_prompt_ = at_prompt; }
    // A signal came since the last take().
    bool take() { return flag_.exchange(false); }
    // Readable when a signal came that was not taken with drain().
    int fd() const { return fd_; }
    void drain();
    // SIGTERM came: the program should end.
    bool terminated() const { return terminated_; }

  private:
    std::mutex mutex_;
    std::function<void()> action_;
    std::atomic<bool> flag_{false};
    std::atomic<bool> stop_{false};
    std::atomic<bool> terminated_{false};
    std::atomic<bool> at_prompt_{false};
    int fd_;
    std::thread thread_;
};

// Sets an action for a scope.
class InterruptAction {
  public:
    InterruptAction(Interrupts& interrupts, std::function<void()> action) : interrupts_(interrupts) {
        interrupts_.set_action(std::move(action));
    }
    ~InterruptAction() { interrupts_.set_action({}); }
    InterruptAction(const InterruptAction&) = delete;
    InterruptAction& operator=(const InterruptAction&) = delete;

  private:
    Interrupts& interrupts_;
};

}  // namespace datalake::cli
