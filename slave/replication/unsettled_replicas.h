// The copies of which a leader may have something to ask the controller for, so that a heartbeat does not
// look at all of them. Each is in here once: who adds one remembers that it did (Replica::watched_).
// Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace dl::slave {

class Replica;

class UnsettledReplicas {
  public:
    void add(std::weak_ptr<Replica> replica) {
        const std::lock_guard lock(mutex_);
        replicas_.push_back(std::move(replica));
    }
    std::vector<std::weak_ptr<Replica>> take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(replicas_, {});
    }

  private:
    std::mutex mutex_;
    std::vector<std::weak_ptr<Replica>> replicas_;
};

}  // namespace dl::slave
