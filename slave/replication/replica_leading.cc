// The part of a leader: what followers say, what is committed, what the controller is asked for.
#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "slave/replication/replica.h"

namespace dl::slave {
namespace {

constexpr auto kComponent = "slave.replica";

bool is_in(const std::vector<NodeId>& list, NodeId node) {
    return std::find(list.begin(), list.end(), node) != list.end();
}

// Whether the leader has lost records, by what one follower has: a member of in_sync has all that was
// acknowledged, so that a longer log of it is not to be cut; who knows more to be committed than the leader
// holds proves it. The tail of an old leader is neither: it was put out of the set before others went on.
bool has_lost(const SharedLog& log, const rpc::ReplicaAssignment& assignment, NodeId follower,
              const Replica::Position& position) {
    if (position.last_epoch >= assignment.leader_epoch) return false;
    const auto inherited = log.epoch_end(LeaderEpoch{assignment.leader_epoch.value - 1})
                               .value_or(EpochEnd{LeaderEpoch{0}, log.first_offset()});
    if (std::pair(position.last_epoch, position.offset) <= std::pair(inherited.epoch, inherited.end_offset))
        return false;
    // Others may be elected only while too few are in sync to acknowledge anything.
    const bool may_be_eligible = assignment.in_sync.size() < assignment.min_in_sync;
    return is_in(assignment.in_sync, follower) ||
           (may_be_eligible && position.high_watermark > inherited.end_offset);
}

}  // namespace

Result<void> Replica::check_writable() const {
    if (!context_.lease->held()) return not_leading("it has not heard of the master for too long");
    std::size_t in_sync = 0;
    std::uint32_t wanted = 0;
    {
        const std::lock_guard lock(mutex_);
        if (!tracker_) return {};
        if (tracker_->may_write()) return {};
        in_sync = tracker_->sets().in_sync.size();
        wanted = tracker_->sets().min_in_sync;
    }
    return make_error(ErrorCode::unavailable,
                      name() + " has " + std::to_string(in_sync) + " of the " + std::to_string(wanted) +
                          " copies in sync that a write needs (min_in_sync); it goes on by itself when the "
                          "slaves with the others are back");
}

void Replica::appended(std::span<const StoredBatch> batches) {
    std::shared_ptr<const Listeners> listeners;
    {
        const std::lock_guard lock(mutex_);
        if (!tracker_) return;
        tracker_->own_appended(batches.back().header.end_offset(), context_.uptime_us());
        if (listeners_ != nullptr) recent_.add(batches);
        listeners = listeners_;
        if (watch()) context_.unsettled->add(weak_from_this());
    }
    tell(true, listeners);
}

Offset Replica::synced(Offset end) {
    std::shared_ptr<const Listeners> listeners;
    Offset committed = 0;
    {
        const std::lock_guard lock(mutex_);
        if (!tracker_) return 0;
        const auto before = tracker_->high_watermark();
        tracker_->own_synced(end);
        committed = tracker_->high_watermark();
        recent_.drop_below(committed);
        if (committed > before) listeners = listeners_;
    }
    tell(false, listeners);
    return std::min(committed, end);
}

void Replica::failed() {
    const std::lock_guard lock(mutex_);
    recent_.clear();  // what was not synced is cut off
    if (watch()) context_.unsettled->add(weak_from_this());
}

Result<void> Replica::check_serving(Offset visible_end) const {
    if (!context_.lease->held()) return not_leading("it has not heard of the master for too long");
    bool may_serve = false;
    {
        const std::lock_guard lock(mutex_);
        if (!tracker_) return {};
        may_serve = tracker_->may_serve() && visible_end >= tracker_->began_at();
    }
    if (may_serve) return {};
    return not_leading("it has just become leader, and the other copies have not said yet what they have");
}

void Replica::tell(bool records, const std::shared_ptr<const Listeners>& listeners) {
    if (listeners == nullptr) return;
    for (const auto& [node, one] : *listeners)
        if (const auto listener = one.listener.lock()) listener->has_news(one.slot, records);
}

void Replica::listen(NodeId follower, std::weak_ptr<ReplicaListener> listener, std::size_t slot) {
    const std::lock_guard lock(mutex_);
    const auto known = listeners_ == nullptr ? Listeners::const_iterator() : listeners_->find(follower);
    if (listeners_ != nullptr && known != listeners_->end() && known->second.slot == slot &&
        !known->second.listener.owner_before(listener) && !listener.owner_before(known->second.listener))
        return;  // with every fetch
    auto next =
        listeners_ == nullptr ? std::make_shared<Listeners>() : std::make_shared<Listeners>(*listeners_);
    (*next)[follower] = {std::move(listener), slot};
    listeners_ = std::move(next);
}

Result<Replica::Answer> Replica::report(NodeId follower, const Position& position) {
    const auto partition = this->partition();
    if (partition == nullptr) return not_leading("it is not here");
    auto& copy = *partition->copy();
    const auto& log = copy.log();
    Answer answer;
    Offset before = 0;
    std::shared_ptr<const Listeners> listeners;
    {
        const std::lock_guard lock(mutex_);
        if (!tracker_ || assignment_.leader_epoch != position.epoch)
            return make_error(ErrorCode::not_leader, "the copy asked for does not lead in leader epoch " +
                                                         std::to_string(position.epoch.value));
        before = tracker_->high_watermark();
        answer.high_watermark = before;
    }
    answer.log_start = log.first_offset();
    const auto log_end = log.end_offset();
    const auto strayed = [&] {
        const std::lock_guard lock(mutex_);
        if (tracker_) tracker_->follower_strayed(follower);
        if (watch()) context_.unsettled->add(weak_from_this());
    };
    // What one of the two has the other will never have, although their logs may seem to go on from each
    // other.
    if (const auto own = copy.ends().losses; position.offset > 0 && position.losses != own) {
        strayed();
        answer.losses = own;
        return answer;
    }
    if (position.offset < answer.log_start) {
        strayed();
        return make_error(ErrorCode::not_found,
                          "the log of the leader begins at offset " + std::to_string(answer.log_start));
    }
    const auto end = log.epoch_end(position.last_epoch);
    const bool parted = end && (end->epoch != position.last_epoch || end->end_offset < position.offset);
    if (parted || position.offset > log_end) {
        const std::lock_guard lock(mutex_);
        if (tracker_ && has_lost(log, assignment_, follower, position)) {
            tracker_->follower_strayed(follower);
            if (watch()) context_.unsettled->add(weak_from_this());
            if (!std::exchange(resigns_, true))
                log_warn(kComponent, "another copy holds records that this leader lacks; it leads no more",
                         {{"node", follower.value},
                          {"its_epoch", position.last_epoch.value},
                          {"its_end", position.offset},
                          {"its_committed", position.high_watermark},
                          {"end", log_end}});
            return make_error(ErrorCode::not_leader,
                              "the follower holds records that this leader lacks, and another is to lead");
        }
    }
    // What is committed is the same everywhere, as long as no disk has lost it.
    if (position.high_watermark < position.offset || (parted && position.offset <= log_end)) {
        if (!end) {
            strayed();
            return make_error(ErrorCode::not_found,
                              "the log of the leader begins in a newer epoch than the follower's ends");
        }
        if (end->epoch != position.last_epoch || end->end_offset < position.offset) {
            strayed();
            answer.diverged = EpochEnd{end->epoch, std::min(end->end_offset, position.offset)};
            return answer;
        }
    } else if (position.offset > log_end) {
        return make_error(ErrorCode::corrupt_data, "the follower has committed records up to offset " +
                                                       std::to_string(position.high_watermark) +
                                                       ", the log of its leader ends at " +
                                                       std::to_string(log_end) +
                                                       "; when they were given up by order ('elect unclean', "
                                                       "'accept loss'), 'refill table' makes that copy "
                                                       "anew from its leader");
    }
    {
        const std::lock_guard lock(mutex_);
        if (!tracker_ || assignment_.leader_epoch != position.epoch) return answer;
        damaged_followers_.erase(follower);
        tracker_->follower_synced(follower, position.synced_end, context_.uptime_us());
        if (!tracker_->is_settled() && watch()) context_.unsettled->add(weak_from_this());
        answer.high_watermark = tracker_->high_watermark();
        if (const auto known = holds_.find(follower); known != holds_.end())
            known->second->advance(position.offset);
        else if (tracker_->followers().contains(follower))
            if (auto hold = copy.retain_from(position.offset)) holds_.emplace(follower, std::move(hold));
        recent_.drop_below(answer.high_watermark);
        if (answer.high_watermark > before) listeners = listeners_;
    }
    answer.has_records = position.offset < log_end;
    if (answer.high_watermark > before) {
        copy.commit_up_to(answer.high_watermark);
        tell(false, listeners);
    }
    return answer;
}

Result<std::vector<StoredBatch>> Replica::read(Offset from, std::uint64_t bytes_max) const {
    const auto partition = this->partition();
    if (partition == nullptr) return not_leading("it is not here");
    const auto& log = partition->copy()->log();
    return log.read(from, log.end_offset(), bytes_max);
}

std::optional<std::vector<StoredBatch>> Replica::read_recent(LeaderEpoch epoch, Offset from,
                                                             std::uint64_t bytes_max) const {
    const std::lock_guard lock(mutex_);
    if (!tracker_ || assignment_.leader_epoch != epoch) return std::nullopt;
    if (from == tracker_->log_end()) return std::vector<StoredBatch>();
    return recent_.read(from, bytes_max);
}

Result<PartitionCopy::Export> Replica::export_files(LeaderEpoch epoch) const {
    std::shared_ptr<Partition> partition;
    {
        const std::lock_guard lock(mutex_);
        if (tracker_ && assignment_.leader_epoch == epoch && opened_) partition = opened_->partition;
    }
    if (partition == nullptr) return not_leading("it does not lead in that epoch");
    return partition->copy()->export_files();
}

Result<Offset> Replica::high_watermark(LeaderEpoch epoch) const {
    const std::lock_guard lock(mutex_);
    if (tracker_ && assignment_.leader_epoch == epoch) return tracker_->high_watermark();
    return make_error(ErrorCode::not_leader,
                      "the copy does not lead in leader epoch " + std::to_string(epoch.value) + " any more");
}

bool Replica::has_in_sync(NodeId follower) const {
    const std::lock_guard lock(mutex_);
    return is_in(assignment_.in_sync, follower);
}

void Replica::follower_damaged(NodeId follower) {
    const std::lock_guard lock(mutex_);
    if (!tracker_) return;
    tracker_->follower_strayed(follower);
    damaged_followers_.insert(follower);
    if (watch()) context_.unsettled->add(weak_from_this());
}

void Replica::add_lags(std::vector<rpc::FollowerLag>& lags) const {
    const std::lock_guard lock(mutex_);
    if (!tracker_ || tracker_->is_settled()) return;
    const auto now = context_.uptime_us();
    const auto end = tracker_->log_end();
    for (const auto& [node, follower] : tracker_->followers()) {
        const bool at_end = follower.heard && follower.synced_end >= end;
        if (at_end && is_in(assignment_.in_sync, node)) continue;
        if (lags.size() == rpc::kCopyProgressMax) return;
        rpc::FollowerLag lag;
        lag.replica = ref_;
        lag.follower = node;
        lag.heard = follower.heard;
        lag.records = static_cast<std::uint64_t>(end - std::min(end, follower.synced_end));
        lag.behind_ms =
            at_end ? 0
                   : static_cast<std::uint64_t>(std::max<std::int64_t>(0, now - follower.at_end_us)) / 1000;
        lags.push_back(std::move(lag));
    }
}

Replica::Asked Replica::ask() {
    const std::lock_guard lock(mutex_);
    Asked asked;
    rpc::ReplicaProposal proposal;
    proposal.replica = ref_;
    proposal.leader_epoch = assignment_.leader_epoch;
    proposal.version = assignment_.version;
    const bool failed = tracker_ && opened_ && opened_->partition->write_failure();
    // What could not be opened, or is not here, cannot lead, if another can: its errors say what is wrong.
    const bool broken = assignment_.leader == context_.self && !opened_ && assignment_.replicas.size() > 1;
    if (resigns_ || failed || broken) {
        proposal.resigns = true;
        asked.proposal = std::move(proposal);
        return asked;
    }
    auto wanted = tracker_ ? tracker_->wanted(context_.uptime_us()) : std::nullopt;
    if (tracker_)
        for (const auto* members : {&assignment_.in_sync, &assignment_.eligible})
            for (const auto node : *members)
                if (damaged_followers_.contains(node)) proposal.lost.push_back(node);
    if (wanted || !proposal.lost.empty()) {
        proposal.in_sync = wanted ? std::move(*wanted) : assignment_.in_sync;
        asked.proposal = std::move(proposal);
        return asked;
    }
    asked.settled = !tracker_ || tracker_->is_settled();
    if (asked.settled) watched_ = false;
    return asked;
}

}  // namespace dl::slave
