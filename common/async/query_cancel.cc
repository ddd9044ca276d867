#include "common/async/query_cancel.h"

#include <utility>

namespace dl {

QueryCancel::Registration::Registration(Registration&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)), id_(other.id_) {}

QueryCancel::Registration& QueryCancel::Registration::operator=(Registration&& other) noexcept {
    std::swap(owner_, other.owner_);
    std::swap(id_, other.id_);
    return *this;
}

QueryCancel::Registration::~Registration() {
    if (owner_ == nullptr) return;
    const std::lock_guard lock(owner_->mutex_);
    owner_->callbacks_.erase(id_);
}

// Callbacks run under the mutex: that is what makes the destructor of a registration wait for them.
void QueryCancel::cancel(ErrorCode why, std::string said) {
    const std::lock_guard lock(mutex_);
    if (reason_) return;
    reason_ = why;
    said_ = std::move(said);
    for (auto& [id, callback] : callbacks_)
        callback(why);
}

std::optional<ErrorCode> QueryCancel::reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
}

std::string QueryCancel::said() const {
    const std::lock_guard lock(mutex_);
    return said_;
}

QueryCancel::Registration QueryCancel::on_cancel(std::function<void(ErrorCode)> callback) {
    const std::lock_guard lock(mutex_);
    if (reason_) {
        callback(*reason_);
        return {};
    }
    const auto id = next_id_++;
    callbacks_.emplace(id, std::move(callback));
    return Registration(this, id);
}

}  // namespace dl
