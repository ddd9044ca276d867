#include "common/net/yielding_slot.h"

#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <utility>

namespace dl::net {

struct YieldingSlot::State {
    ByteBudget& slots;
    ByteBudget::Share share;
    std::optional<boost::asio::steady_timer> timer;
    unsigned turn = 0;  // of waiting for the peer; odd while it is waited for
};

YieldingSlot::YieldingSlot(ByteBudget& slots, ByteBudget::Share slot)
    : state_(std::make_shared<State>(State{slots, std::move(slot), std::nullopt, 0})) {}

void YieldingSlot::peer_begins(const boost::asio::any_io_executor& executor) {
    if (!state_ || state_->turn % 2 == 1) return;
    const auto turn = ++state_->turn;
    if (state_->share.bytes() == 0) return;
    if (!state_->timer) state_->timer.emplace(executor);
    state_->timer->expires_after(kPatience);
    state_->timer->async_wait([weak = std::weak_ptr<State>(state_), turn](const auto& error) {
        if (error) return;
        if (const auto state = weak.lock(); state && state->turn == turn) state->share.release();
    });
}

boost::asio::awaitable<Result<void>> YieldingSlot::peer_done(std::chrono::steady_clock::time_point deadline) {
    if (!state_) co_return Result<void>{};
    if (state_->turn % 2 == 1) ++state_->turn;
    if (state_->share.bytes() > 0) co_return Result<void>{};
    auto state = state_;
    auto slot = co_await state->slots.acquire(1, deadline);
    if (slot.has_error()) co_return std::move(slot).error();
    state->share = std::move(*slot);
    co_return Result<void>{};
}

ByteBudget::Share YieldingSlot::take() {
    if (!state_) return {};
    ++state_->turn;
    return std::move(state_->share);
}

}  // namespace dl::net
