// The offsets from which on somebody needs the log. Thread-safe.
#pragma once

#include <limits>
#include <memory>
#include <mutex>
#include <set>

#include "slave/log/partition_log.h"

namespace dl::slave {

class RetentionFloors : public std::enable_shared_from_this<RetentionFloors> {
  public:
    std::unique_ptr<RetentionHold> hold(Offset floor);
    // Nothing at or above it may go; the largest offset there is when nobody holds anything.
    Offset lowest() const {
        const std::lock_guard lock(mutex_);
        return floors_.empty() ? std::numeric_limits<Offset>::max() : *floors_.begin();
    }

  private:
    class Hold;
    mutable std::mutex mutex_;
    std::multiset<Offset> floors_;
};

}  // namespace dl::slave
