#include "slave/partition/wait_list.h"

#include <vector>

namespace dl::slave {

std::shared_ptr<void> WaitList::add(Offset beyond, std::function<void()> wake) {
    std::unique_lock lock(mutex_);
    if (end_ > beyond) {
        lock.unlock();
        wake();
        return std::make_shared<int>(0);
    }
    const Key key{beyond, next_number_++};
    waiting_.emplace(key, std::move(wake));
    return std::shared_ptr<void>(this, [list = weak_from_this(), key](void*) {
        if (const auto alive = list.lock()) alive->remove(key);
    });
}

void WaitList::remove(const Key& key) {
    const std::lock_guard lock(mutex_);
    waiting_.erase(key);
}

Offset WaitList::end() const {
    const std::lock_guard lock(mutex_);
    return end_;
}

void WaitList::advance(Offset end) {
    std::vector<std::function<void()>> wakes;
    {
        const std::lock_guard lock(mutex_);
        if (end <= end_) return;  // another thread was ahead
        end_ = end;
        while (!waiting_.empty() && waiting_.begin()->first.first < end) {
            wakes.push_back(std::move(waiting_.begin()->second));
            waiting_.erase(waiting_.begin());
        }
    }
    for (const auto& wake : wakes)
        wake();
}

}  // namespace dl::slave
