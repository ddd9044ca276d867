#include "common/async/worker_pool.h"

#include <pthread.h>
#include <sys/resource.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace dl {

struct WorkerPool::State {
    std::string name;
    int niceness = 0;
    mutable std::mutex mutex;
    std::condition_variable wake;
    std::deque<std::function<void()>> queue;
    std::vector<std::thread> threads;
    bool stopping = false;
    std::once_flag joined;

    void run() {
        pthread_setname_np(pthread_self(), name.substr(0, 10).c_str());
        // On Linux this is of the calling thread alone. Without it the work is done all the same.
        if (niceness != 0) (void)::setpriority(PRIO_PROCESS, 0, niceness);
        std::unique_lock lock(mutex);
        for (;;) {
            wake.wait(lock, [this] { return stopping || !queue.empty(); });
            if (queue.empty()) return;  // stopping, and nothing left to do
            auto work = std::move(queue.front());
            queue.pop_front();
            lock.unlock();
            work();
            work = nullptr;  // captured state dies outside the lock
            lock.lock();
        }
    }
};

WorkerPool::WorkerPool(std::string name, std::size_t threads, int niceness)
    : state_(std::make_unique<State>()) {
    state_->name = std::move(name);
    state_->niceness = niceness;
    for (std::size_t i = 0; i < threads; ++i)
        state_->threads.emplace_back([s = state_.get()] { s->run(); });
}

WorkerPool::~WorkerPool() {
    stop();
}

bool WorkerPool::post(std::function<void()> work) {
    {
        std::lock_guard lock(state_->mutex);
        if (state_->stopping) return false;
        state_->queue.push_back(std::move(work));
    }
    state_->wake.notify_one();
    return true;
}

void WorkerPool::stop() {
    {
        std::lock_guard lock(state_->mutex);
        state_->stopping = true;
    }
    state_->wake.notify_all();
    std::call_once(state_->joined, [this] {
        for (auto& thread : state_->threads)
            thread.join();
    });
}

std::size_t WorkerPool::queued() const {
    std::lock_guard lock(state_->mutex);
    return state_->queue.size();
}

}  // namespace dl
