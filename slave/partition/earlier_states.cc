#include "slave/partition/earlier_states.h"

#include <algorithm>

#include "common/base/check.h"
#include "slave/partition/past_view.h"

namespace dl::slave {

void EarlierStates::add(std::shared_ptr<const PartitionState> state, Clock::time_point until) {
    std::deque<Held> gone;  // declared first: files are removed after the lock is given back
    const std::lock_guard lock(mutex_);
    DL_CHECK(held_.empty() || held_.back().state->end_offset <= state->end_offset,
             "INV-7 compactions follow each other");
    held_.push_back({std::move(state), until});
    while (held_.size() > kStatesMax) {
        gone.push_back(std::move(held_.front()));
        held_.pop_front();
    }
}

std::shared_ptr<const PartitionState> EarlierStates::at(Offset cut) const {
    const std::lock_guard lock(mutex_);
    for (auto held = held_.rbegin(); held != held_.rend(); ++held)
        if (oldest_cut(*held->state) <= cut && cut <= held->state->end_offset) return held->state;
    return nullptr;
}

Offset EarlierStates::oldest(Offset otherwise) const {
    const std::lock_guard lock(mutex_);
    for (const auto& held : held_)
        otherwise = std::min(otherwise, oldest_cut(*held.state));
    return otherwise;
}

EarlierStates::Clock::time_point EarlierStates::expire(Clock::time_point now) {
    std::deque<Held> gone;
    const std::lock_guard lock(mutex_);
    while (!held_.empty() && held_.front().until <= now) {
        gone.push_back(std::move(held_.front()));
        held_.pop_front();
    }
    return held_.empty() ? Clock::time_point::max() : held_.front().until;
}

void EarlierStates::clear() {
    expire(Clock::time_point::max());
}

}  // namespace dl::slave
