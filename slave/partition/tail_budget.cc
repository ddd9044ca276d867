#include "slave/partition/tail_budget.h"

#include <algorithm>
#include <limits>

namespace dl::slave {

void TailBudget::Member::set(std::uint64_t bytes) {
    const auto before = bytes_.exchange(bytes);
    owner_.used_.fetch_add(bytes - before);  // wraps round to the difference
}

std::shared_ptr<TailBudget::Member> TailBudget::join(Callbacks callbacks) {
    auto member = std::make_shared<Member>(*this, std::move(callbacks));
    const std::lock_guard lock(mutex_);
    std::erase_if(members_, [](const auto& other) { return other.expired(); });
    members_.push_back(member);
    return member;
}

std::uint64_t TailBudget::room() const {
    if (bytes_max_ == 0) return std::numeric_limits<std::uint64_t>::max();
    const auto used = used_.load();
    return used < bytes_max_ ? bytes_max_ - used : 0;
}

std::uint64_t TailBudget::room_for(const Member& member) const {
    if (bytes_max_ == 0) return room();
    const auto free = room();
    const auto share = free * kShare;
    const auto held = member.bytes();
    return held < share ? std::min(free, share - held) : 0;
}

std::shared_ptr<TailBudget::Member> TailBudget::largest() {
    std::shared_ptr<Member> found;
    const std::lock_guard lock(mutex_);
    for (const auto& weak : members_) {
        auto member = weak.lock();
        if (member != nullptr && !member->is_failing() && member->bytes() > 0 &&
            (found == nullptr || member->bytes() > found->bytes()))
            found = std::move(member);
    }
    return found;
}

std::uint64_t TailBudget::failing_bytes() {
    std::uint64_t bytes = 0;
    const std::lock_guard lock(mutex_);
    for (const auto& weak : members_)
        if (const auto member = weak.lock(); member != nullptr && member->is_failing())
            bytes += member->bytes();
    return bytes;
}

void TailBudget::wait(Member& member) {
    member.waiting_.store(true);
    // What was freed before that did not wake it.
    if (room_for(member) > 0 && member.waiting_.exchange(false)) return member.callbacks_.resume();
    // Its own rows are too many: those of others would be flushed in vain.
    if (member.bytes() > 0 && member.bytes() >= room() * kShare) return member.callbacks_.make_room();
    if (const auto victim = largest()) victim->callbacks_.make_room();
}

void TailBudget::look_ahead() {
    if (bytes_max_ == 0 || used_.load() < bytes_max_ / 4 * 3) return;
    // What cannot be flushed is no reason to flush the others all the time.
    const auto stuck = std::min(failing_bytes(), bytes_max_);
    const auto used = used_.load();
    if (used < stuck || used - stuck < (bytes_max_ - stuck) / 4 * 3) return;
    if (const auto victim = largest()) victim->callbacks_.make_room();
}

std::vector<std::shared_ptr<TailBudget::Member>> TailBudget::waiting() {
    std::vector<std::shared_ptr<Member>> found;
    const std::lock_guard lock(mutex_);
    for (const auto& weak : members_)
        if (auto member = weak.lock(); member != nullptr && member->waiting_.load())
            found.push_back(std::move(member));
    return found;
}

void TailBudget::freed() {
    bool any_left = false;
    for (const auto& member : waiting()) {
        // For one that cannot flush nobody else's rows make room.
        if (room_for(*member) == 0)
            any_left = any_left || !member->is_failing();
        else if (member->waiting_.exchange(false))
            member->callbacks_.resume();
    }
    if (!any_left) return;
    if (const auto victim = largest()) victim->callbacks_.make_room();
}

void TailBudget::failed(const Error& error) {
    if (room() > 0) return;
    if (const auto victim = largest()) return victim->callbacks_.make_room();
    for (const auto& member : waiting())
        if (member->waiting_.exchange(false)) member->callbacks_.failed(error);
}

}  // namespace dl::slave
