#include "common/duck/query_admission.h"

#include <atomic>
#include <string>

namespace dl {

QueryAdmission::Slot::~Slot() {
    if (owner_ != nullptr) owner_->leave();
}

Result<QueryAdmission::Slot> QueryAdmission::enter(std::chrono::steady_clock::time_point deadline,
                                                   QueryCancel& cancel) {
    std::atomic<int> reason{-1};
    // Before the lock is taken and released after it: callbacks of `cancel` take it too.
    const auto registration = cancel.on_cancel([&](ErrorCode why) {
        reason = static_cast<int>(why);
        const std::lock_guard lock(mutex_);
        changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    if (running_ >= running_max_) {
        if (waiting_ >= waiting_max_) {
            return make_error(ErrorCode::overloaded, std::to_string(running_) + " queries run and " +
                                                         std::to_string(waiting_) +
                                                         " wait already; try again later");
        }
        ++waiting_;
        const bool free =
            changed_.wait_until(lock, deadline, [&] { return running_ < running_max_ || reason >= 0; });
        --waiting_;
        if (!free) {
            return make_error(
                ErrorCode::timeout,
                "the query waited for " + std::to_string(running_max_) +
                    " running ones until its time was over; raise timeout_ms or try again later");
        }
    }
    if (reason >= 0) {
        changed_.notify_one();
        return make_error(static_cast<ErrorCode>(reason.load()), "the query was stopped before it began");
    }
    ++running_;
    return Slot(this);
}

void QueryAdmission::leave() {
    const std::lock_guard lock(mutex_);
    --running_;
    changed_.notify_one();
}

std::size_t QueryAdmission::running() const {
    const std::lock_guard lock(mutex_);
    return running_;
}

std::size_t QueryAdmission::waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_;
}

}  // namespace dl
