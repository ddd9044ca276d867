#include "common/net/byte_budget.h"

#include <algorithm>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "common/async/async_event.h"
#include "common/base/check.h"

namespace dl::net {

namespace {

struct Waiter {
    std::size_t bytes = 0;
    bool granted = false;
    AsyncEvent event;
};

}  // namespace

struct ByteBudget::State {
    explicit State(std::size_t size) : total(size) {}
    const std::size_t total;
    std::mutex mutex;
    std::size_t used = 0;
    std::list<std::shared_ptr<Waiter>> waiters;

    // With the lock held: those at the front whose turn it is now. Events are set after unlocking.
    std::vector<std::shared_ptr<Waiter>> grant() {
        std::vector<std::shared_ptr<Waiter>> ready;
        while (!waiters.empty() && waiters.front()->bytes <= total - used) {
            auto waiter = std::move(waiters.front());
            waiters.pop_front();
            used += waiter->bytes;
            waiter->granted = true;
            ready.push_back(std::move(waiter));
        }
        DL_CHECK(used <= total, "shares together are no more than the budget");
        return ready;
    }

    void give_back(std::size_t bytes) {
        std::vector<std::shared_ptr<Waiter>> ready;
        {
            std::lock_guard lock(mutex);
            DL_CHECK(bytes <= used, "a share is given back once");
            used -= bytes;
            ready = grant();
        }
        for (auto& waiter : ready)
            waiter->event.set();
    }
};

ByteBudget::Share::Share(Share&& other) noexcept
    : state_(std::move(other.state_)), bytes_(std::exchange(other.bytes_, 0)) {}

ByteBudget::Share& ByteBudget::Share::operator=(Share&& other) noexcept {
    if (this != &other) {
        release();
        state_ = std::move(other.state_);
        bytes_ = std::exchange(other.bytes_, 0);
    }
    return *this;
}

void ByteBudget::Share::release() {
    shrink_to(0);
}

void ByteBudget::Share::shrink_to(std::size_t bytes) {
    if (bytes >= bytes_) return;
    state_->give_back(bytes_ - bytes);
    bytes_ = bytes;
}

void ByteBudget::Share::add(Share&& more) {
    DL_CHECK(state_ == nullptr || bytes_ == 0 || state_ == more.state_, "shares of one budget are joined");
    if (bytes_ == 0) {
        *this = std::move(more);
        return;
    }
    bytes_ += std::exchange(more.bytes_, 0);
}

ByteBudget::ByteBudget(std::size_t total)
    : state_(std::make_shared<State>(std::max<std::size_t>(total, 1))) {}
ByteBudget::~ByteBudget() = default;

ByteBudget::Share ByteBudget::try_acquire(std::size_t bytes) {
    const auto wanted = std::min(bytes, state_->total);
    std::lock_guard lock(state_->mutex);
    if (wanted == 0 || !state_->waiters.empty() || wanted > state_->total - state_->used) return {};
    state_->used += wanted;
    return Share(state_, wanted);
}

boost::asio::awaitable<Result<ByteBudget::Share>> ByteBudget::acquire(
    std::size_t bytes, std::chrono::steady_clock::time_point deadline) {
    if (auto share = try_acquire(bytes); share.bytes() > 0 || bytes == 0) co_return std::move(share);
    auto state = state_;
    auto waiter = std::make_shared<Waiter>();
    waiter->bytes = std::min(bytes, state->total);
    std::vector<std::shared_ptr<Waiter>> ready;
    {
        std::lock_guard lock(state->mutex);
        state->waiters.push_back(waiter);
        ready = state->grant();  // room may have come since try_acquire
    }
    for (auto& other : ready)
        other->event.set();

    // Leaves the queue, or gives back what was granted, when the coroutine is destroyed while waiting.
    struct Guard {
        std::shared_ptr<State> state;
        std::shared_ptr<Waiter> waiter;
        ~Guard() {
            if (waiter == nullptr) return;
            std::vector<std::shared_ptr<Waiter>> next;
            std::size_t granted = 0;
            {
                std::lock_guard lock(state->mutex);
                if (waiter->granted)
                    granted = waiter->bytes;
                else
                    state->waiters.remove(waiter);
                next = state->grant();  // smaller ones behind it may fit now
            }
            if (granted > 0) state->give_back(granted);
            for (auto& other : next)
                other->event.set();
        }
    } guard{state, waiter};

    const bool set = co_await waiter->event.wait(deadline);
    if (set) {
        guard.waiter = nullptr;
        co_return Share(state, waiter->bytes);
    }
    const bool late = std::chrono::steady_clock::now() >= deadline;
    co_return make_error(late ? ErrorCode::overloaded : ErrorCode::cancelled,
                         late ? "the memory for requests in flight (" + std::to_string(state->total) +
                                    " bytes) stayed in use; retry later"
                              : "cancelled while waiting for memory for the request");
}

boost::asio::awaitable<Result<void>> ByteBudget::grow(Share& share, std::size_t bytes,
                                                      std::chrono::steady_clock::time_point deadline) {
    const auto wanted = std::min(bytes, state_->total);
    if (wanted <= share.bytes()) co_return Result<void>{};
    auto more = co_await acquire(wanted - share.bytes(), deadline);
    if (more.has_error()) co_return std::move(more).error();
    share.add(std::move(*more));
    co_return Result<void>{};
}

bool ByteBudget::contended() const {
    std::lock_guard lock(state_->mutex);
    return !state_->waiters.empty();
}

std::size_t ByteBudget::total() const {
    return state_->total;
}
std::size_t ByteBudget::in_use() const {
    std::lock_guard lock(state_->mutex);
    return state_->used;
}

}  // namespace dl::net
