#include "slave/partition/upkeep_list.h"

#include "slave/partition/partition.h"

namespace dl::slave {

UpkeepList::Member::Member(std::shared_ptr<UpkeepList> list, TableId table, PartitionId id,
                           std::weak_ptr<Partition> partition)
    : list_(std::move(list)), table_(table), id_(id), partition_(std::move(partition)) {
    const std::lock_guard lock(list_->mutex_);
    place_ = list_->all_.insert(list_->all_.end(), this);
}

UpkeepList::Member::~Member() {
    const std::lock_guard lock(list_->mutex_);
    list_->all_.erase(place_);
    if (due_ != kAtRest) list_->due_.erase({due_, this});
}

void UpkeepList::Member::wake() {
    // Read and written in one step also when it is awake: so the tick that clears it sees what was changed
    // before.
    if (awake_.exchange(true, std::memory_order_acq_rel)) return;
    const std::lock_guard lock(list_->mutex_);
    list_->awake_.push_back(weak_from_this());
}

void UpkeepList::Member::fail() {
    if (failed_.exchange(true, std::memory_order_acq_rel)) return;
    const std::lock_guard lock(list_->mutex_);
    list_->failed_.push_back(weak_from_this());
}

std::shared_ptr<UpkeepList::Member> UpkeepList::join(TableId table, PartitionId id,
                                                     std::weak_ptr<Partition> partition) {
    auto member = std::make_shared<Member>(shared_from_this(), table, id, std::move(partition));
    member->wake();
    return member;
}

std::vector<std::shared_ptr<UpkeepList::Member>> UpkeepList::take(Clock::time_point now) {
    std::vector<std::shared_ptr<Member>> taken;
    const std::lock_guard lock(mutex_);
    ++calls_;
    // Kept until the lock is given back, which the last one to let go of a member takes. One that is gone
    // waits for the lock to leave.
    const auto add = [&](std::shared_ptr<Member> member) {
        if (member == nullptr || std::exchange(member->taken_, calls_) == calls_) return;
        if (member->due_ != kAtRest) due_.erase({std::exchange(member->due_, kAtRest), member.get()});
        taken.push_back(std::move(member));
    };
    std::vector<std::weak_ptr<Member>> awake;
    awake.swap(awake_);
    for (const auto& one : awake) {
        auto member = one.lock();
        if (member != nullptr) member->awake_.exchange(false, std::memory_order_acq_rel);
        add(std::move(member));
    }
    while (!due_.empty() && due_.begin()->first <= now) {
        auto& member = *due_.begin()->second;
        due_.erase(due_.begin());
        member.due_ = kAtRest;
        add(member.weak_from_this().lock());
    }
    for (turns_ += all_.size(); turns_ >= kRoundTicks && !all_.empty(); turns_ -= kRoundTicks) {
        all_.splice(all_.end(), all_, all_.begin());
        add(all_.back()->weak_from_this().lock());
    }
    if (all_.empty()) turns_ = 0;
    return taken;
}

void UpkeepList::schedule(Member& member, Clock::time_point due) {
    const std::lock_guard lock(mutex_);
    if (member.due_ != kAtRest) due_.erase({member.due_, &member});
    member.due_ = due;
    if (due != kAtRest) due_.emplace(due, &member);
}

std::size_t UpkeepList::tick(Clock::time_point now) {
    std::size_t ticked = 0;
    for (const auto& member : take(now)) {
        const auto partition = member->partition_.lock();
        if (partition == nullptr) continue;
        schedule(*member, partition->tick());
        if (partition->write_failure()) member->fail();
        ++ticked;
    }
    return ticked;
}

std::vector<UpkeepList::Failed> UpkeepList::failed() {
    std::vector<std::weak_ptr<Member>> known;
    {
        const std::lock_guard lock(mutex_);
        known = failed_;
    }
    // Without the lock, which the last one to let go of a member takes.
    std::vector<Failed> failed;
    for (const auto& one : known)
        if (const auto member = one.lock())
            if (auto partition = member->partition_.lock())
                failed.push_back({member->table_, member->id_, std::move(partition)});
    known.clear();
    const std::lock_guard lock(mutex_);
    std::erase_if(failed_, [](const auto& one) { return one.expired(); });
    return failed;
}

}  // namespace dl::slave
