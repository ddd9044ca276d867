// A fixed number of threads that run blocking work from one bounded queue. Work never runs on the caller's
// thread. Thread-safe. Destruction runs what is queued, then joins.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace dl {

class WorkerPool {
  public:
    // `name` shows in the thread names (at most 10 characters are kept) and in errors.
    // `niceness` 1 to 19: the threads step back behind those with less; may take very long beside busy ones.
    WorkerPool(std::string name, std::size_t threads, int niceness = 0);
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    // Queues work; the queue is bounded by what callers have admitted (sessions, partitions), not here.
    // Work must not throw. After stop() it is dropped and false is returned.
    bool post(std::function<void()> work);
    // No new work; waits until what is queued has run. Idempotent.
    void stop();
    std::size_t queued() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace dl
