#include "slave/partition/tail_budget.h"

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

std::shared_ptr<TailBudget::Member> TailBudget::largest() {
    std::shared_ptr<Member> found;
    const std::lock_guard lock(mutex_);
    for (const auto& weak : members_) {
        auto member = weak.lock();
        if (member != nullptr && (found == nullptr || member->bytes() > found->bytes()))
            found = std::move(member);
    }
    return found;
}

void TailBudget::wait(Member& member) {
    member.waiting_.store(true);
    // What was freed before that did not wake it.
    if (room() > 0 && member.waiting_.exchange(false)) return member.callbacks_.resume();
    if (const auto victim = largest()) victim->callbacks_.make_room();
}

void TailBudget::look_ahead() {
    if (bytes_max_ == 0 || used_.load() < bytes_max_ / 4 * 3) return;
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
    const auto members = waiting();
    if (members.empty()) return;
    if (room() == 0) {
        if (const auto victim = largest()) victim->callbacks_.make_room();
        return;
    }
    for (const auto& member : members)
        if (member->waiting_.exchange(false)) member->callbacks_.resume();
}

void TailBudget::failed(const Error& error) {
    if (room() > 0) return;
    for (const auto& member : waiting())
        if (member->waiting_.exchange(false)) member->callbacks_.failed(error);
}

}  // namespace dl::slave
