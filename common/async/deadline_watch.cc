#include "common/async/deadline_watch.h"

namespace dl {

DeadlineWatch::DeadlineWatch() : thread_([this] { run(); }) {}

DeadlineWatch::~DeadlineWatch() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        changed_.notify_all();
    }
    thread_.join();
}

DeadlineWatch::Entry::~Entry() {
    if (owner_ == nullptr) return;
    std::shared_ptr<QueryCancel> dropped;
    const std::lock_guard lock(owner_->mutex_);
    const auto found = owner_->entries_.find(key_);
    if (found == owner_->entries_.end()) return;
    dropped = std::move(found->second);
    owner_->entries_.erase(found);
}

DeadlineWatch::Entry DeadlineWatch::watch(std::chrono::steady_clock::time_point deadline,
                                          std::shared_ptr<QueryCancel> cancel) {
    const std::lock_guard lock(mutex_);
    const Entry::Key key{deadline, next_id_++};
    entries_.emplace(key, std::move(cancel));
    // Most end long before, and the thread need not know of them.
    if (deadline < looks_at_) changed_.notify_all();
    return Entry(this, key);
}

void DeadlineWatch::run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        if (entries_.empty()) {
            looks_at_ = std::chrono::steady_clock::time_point::max();
            changed_.wait(lock);
            continue;
        }
        const auto first = entries_.begin();
        if (const auto due = first->first.first; std::chrono::steady_clock::now() < due) {
            looks_at_ = due;
            changed_.wait_until(lock, due);
            continue;
        }
        auto cancel = std::move(first->second);
        entries_.erase(first);
        // Its callbacks may take locks of their own.
        lock.unlock();
        cancel->cancel(ErrorCode::timeout);
        cancel.reset();
        lock.lock();
    }
}

}  // namespace dl
