// How many queries run at the same time, and how many may wait. Thread-safe; outlives its slots.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

#include "common/async/query_cancel.h"
#include "common/base/error.h"

namespace dl {

class QueryAdmission {
  public:
    QueryAdmission(std::size_t running_max, std::size_t waiting_max)
        : running_max_(running_max), waiting_max_(waiting_max) {}

    // A running query; the slot is free again when it is destroyed.
    class Slot {
      public:
        Slot() = default;
        Slot(Slot&& other) noexcept : owner_(other.owner_) { other.owner_ = nullptr; }
        Slot& operator=(Slot&& other) noexcept {
            std::swap(owner_, other.owner_);
            return *this;
        }
        ~Slot();

      private:
        friend class QueryAdmission;
        explicit Slot(QueryAdmission* owner) : owner_(owner) {}
        QueryAdmission* owner_ = nullptr;
    };
    // Blocks until a slot is free. OVERLOADED when too many wait already, TIMEOUT at the deadline, or what
    // `cancel` says.
    Result<Slot> enter(std::chrono::steady_clock::time_point deadline, QueryCancel& cancel);

    std::size_t running() const;
    std::size_t waiting() const;

  private:
    void leave();

    const std::size_t running_max_;
    const std::size_t waiting_max_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t running_ = 0;
    std::size_t waiting_ = 0;
};

}  // namespace dl
