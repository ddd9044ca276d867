#include "slave/replication/replica.h"

#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "common/base/planted_fault.h"

namespace dl::slave {
namespace {

constexpr auto kComponent = "slave.replica";

CopySets sets_of(const rpc::ReplicaAssignment& assignment) {
    return {assignment.version, assignment.in_sync, assignment.replicas, assignment.min_in_sync};
}

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

rpc::ReplicaAssignment Replica::assignment() const {
    const std::lock_guard lock(mutex_);
    return assignment_;
}

std::string Replica::name() const {
    const std::lock_guard lock(mutex_);
    if (opened_) return opened_->name;
    return "partition " + std::to_string(ref_.partition.value) + " of the table with id " +
           std::to_string(ref_.table.value);
}

std::shared_ptr<Partition> Replica::partition() const {
    const std::lock_guard lock(mutex_);
    return opened_ ? opened_->partition : nullptr;
}

Error Replica::not_leading(const std::string& why) const {
    return make_error(ErrorCode::not_leader, name() + " is not served by this slave: " + why);
}

void Replica::assign(const rpc::ReplicaAssignment& assignment,
                     const std::optional<CopyStore::Opened>& opened) {
    const std::lock_guard one_at_a_time(assigning_);
    {
        const std::lock_guard lock(mutex_);
        if (assignment.version <= assignment_.version) return;
        const bool leads_on = tracker_ && opened && opened_ && opened->partition == opened_->partition &&
                              assignment.leader == context_.self &&
                              assignment.leader_epoch == assignment_.leader_epoch;
        assignment_ = assignment;
        if (leads_on) {
            tracker_->set(sets_of(assignment), context_.uptime_us());
            std::erase_if(holds_, [&](const auto& one) { return !is_in(assignment.replicas, one.first); });
            // Fewer to wait for, perhaps.
            opened_->partition->copy()->commit_up_to(tracker_->high_watermark());
            return;
        }
        const bool goes_on = opened && opened_ && opened->partition == opened_->partition;
        heard_ = goes_on && (heard_ || (tracker_ && tracker_->may_serve()));
        tracker_.reset();
        holds_.clear();
        opened_ = opened;
        resigns_ = false;
    }
    if (opened) take_part(assignment, *opened);
}

void Replica::rebind(const std::optional<CopyStore::Opened>& opened) {
    const std::lock_guard one_at_a_time(assigning_);
    rpc::ReplicaAssignment assignment;
    {
        const std::lock_guard lock(mutex_);
        const auto before = opened_ ? opened_->partition : nullptr;
        const auto now = opened ? opened->partition : nullptr;
        if (before == now) return;
        heard_ = false;
        tracker_.reset();
        holds_.clear();
        opened_ = opened;
        resigns_ = false;
        assignment = assignment_;
    }
    if (opened && assignment.version > 0) take_part(assignment, *opened);
}

// Not under mutex_: the partition asks its gate while others wait for it.
void Replica::take_part(const rpc::ReplicaAssignment& assignment, const CopyStore::Opened& opened) {
    auto& copy = *opened.partition->copy();
    const auto epoch = assignment.leader_epoch;
    const bool is_copy = is_in(assignment.replicas, context_.self);
    if (assignment.leader != context_.self || !is_copy) {
        const bool follows = is_copy && assignment.leader != NodeId{};
        copy.set_part(follows ? CopyPart::follower : CopyPart::none, epoch, nullptr);
        if (follows && DL_PLANTED("cut-at-high-watermark"))
            (void)copy.cut(epoch, copy.ends().high_watermark, epoch);
        return;
    }
    // From here on nothing is appended.
    copy.set_part(CopyPart::none, epoch, nullptr);
    if (epoch <= opened.recovered || opened.partition->leader_epoch() != epoch) {
        const std::lock_guard lock(mutex_);
        resigns_ = true;
        return;
    }
    const auto ends = copy.ends();
    {
        const std::lock_guard lock(mutex_);
        // What an earlier life knew does not tell that this is the newest there is: reads wait until the
        // others have said in this epoch what they have.
        const bool alone = assignment.in_sync.size() == 1 && assignment.min_in_sync <= 1;
        const auto confirmed = alone || heard_
                                   ? ends.high_watermark
                                   : std::min(ends.high_watermark, std::max<Offset>(0, ends.log_end - 1));
        tracker_.emplace(context_.self, sets_of(assignment), ends.log_end, confirmed, context_.uptime_us(),
                         context_.lag_us_max);
    }
    copy.set_part(CopyPart::leader, epoch, shared_from_this());
    log_info(kComponent, "leads",
             {{"partition", opened.name},
              {"epoch", epoch.value},
              {"log_end", ends.log_end},
              {"high_watermark", ends.high_watermark}});
}

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

void Replica::appended(Offset end) {
    std::shared_ptr<const Listeners> listeners;
    {
        const std::lock_guard lock(mutex_);
        if (!tracker_) return;
        tracker_->own_appended(end, context_.uptime_us());
        listeners = listeners_;
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
        if (committed > before) listeners = listeners_;
    }
    tell(false, listeners);
    return std::min(committed, end);
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
    };
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
                                                       std::to_string(log_end));
    }
    {
        const std::lock_guard lock(mutex_);
        if (!tracker_ || assignment_.leader_epoch != position.epoch) return answer;
        tracker_->follower_synced(follower, position.synced_end, context_.uptime_us());
        answer.high_watermark = tracker_->high_watermark();
        if (const auto known = holds_.find(follower); known != holds_.end())
            known->second->advance(position.offset);
        else if (tracker_->followers().contains(follower))
            if (auto hold = copy.retain_from(position.offset)) holds_.emplace(follower, std::move(hold));
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

Result<PartitionCopy::Export> Replica::export_files(LeaderEpoch epoch) const {
    std::shared_ptr<Partition> partition;
    {
        const std::lock_guard lock(mutex_);
        if (tracker_ && assignment_.leader_epoch == epoch && opened_) partition = opened_->partition;
    }
    if (partition == nullptr) return not_leading("it does not lead in that epoch");
    return partition->copy()->export_files();
}

Offset Replica::high_watermark() const {
    const std::lock_guard lock(mutex_);
    return tracker_ ? tracker_->high_watermark() : 0;
}

std::optional<rpc::ReplicaProposal> Replica::proposal() {
    const std::lock_guard lock(mutex_);
    rpc::ReplicaProposal proposal;
    proposal.replica = ref_;
    proposal.leader_epoch = assignment_.leader_epoch;
    proposal.version = assignment_.version;
    const bool failed = tracker_ && opened_ && opened_->partition->write_failure();
    // What could not be opened, or is not here, cannot lead, if another can: its errors say what is wrong.
    const bool broken = assignment_.leader == context_.self && !opened_ && assignment_.replicas.size() > 1;
    if (resigns_ || failed || broken) {
        proposal.resigns = true;
        return proposal;
    }
    if (!tracker_) return std::nullopt;
    auto wanted = tracker_->wanted(context_.uptime_us());
    if (!wanted) return std::nullopt;
    proposal.in_sync = std::move(*wanted);
    return proposal;
}

rpc::CopyReport Replica::copy_report() const {
    rpc::CopyReport report;
    report.replica = ref_;
    std::shared_ptr<Partition> partition;
    {
        const std::lock_guard lock(mutex_);
        if (opened_) partition = opened_->partition;
        report.heard = heard_ || (tracker_ && tracker_->may_serve());
    }
    if (partition == nullptr || partition->write_failure()) return report;
    const auto ends = partition->copy()->ends();
    report.serves = true;
    report.last_epoch = ends.newest_epoch.value;
    report.log_end = ends.synced_end;
    report.committed = ends.high_watermark;
    return report;
}

NodeId Replica::follows() const {
    const std::lock_guard lock(mutex_);
    const bool is_copy = is_in(assignment_.replicas, context_.self);
    if (!is_copy || !opened_ || assignment_.leader == context_.self) return NodeId{};
    return assignment_.leader;
}

Replica::Position Replica::position() const {
    std::shared_ptr<Partition> partition;
    Position position;
    {
        const std::lock_guard lock(mutex_);
        position.epoch = assignment_.leader_epoch;
        if (opened_) partition = opened_->partition;
    }
    if (partition == nullptr) return position;
    const auto ends = partition->copy()->ends();
    position.offset = ends.log_end;
    position.synced_end = ends.synced_end;
    position.high_watermark = ends.high_watermark;
    position.last_epoch = ends.newest_epoch;
    return position;
}

Result<void> Replica::take(const rpc::FetchedPartition& fetched, const std::vector<StoredBatch>& batches) {
    const auto partition = this->partition();
    if (partition == nullptr) return {};
    auto& copy = *partition->copy();
    if (fetched.error) return *fetched.error;
    if (fetched.diverged_end) {
        const LeaderEpoch newest{fetched.diverged_epoch.value_or(0)};
        const auto before = copy.ends();
        DL_TRY_ASSIGN(const auto end, copy.cut(fetched.leader_epoch, *fetched.diverged_end, newest));
        log_warn(kComponent,
                 "log cut: its leader has no such records, and they are not known to be committed",
                 {{"partition", name()},
                  {"from", end},
                  {"to", before.log_end},
                  {"records", before.log_end - end},
                  {"of_epoch", before.newest_epoch.value},
                  {"leader_epoch", fetched.leader_epoch.value}});
        return {};
    }
    if (!batches.empty()) DL_TRY(copy.take(fetched.leader_epoch, batches));
    const auto ends = copy.ends();
    const auto committed = std::min(fetched.high_watermark, ends.synced_end);
    if (committed > ends.high_watermark && copy.part() == CopyPart::follower) copy.commit_up_to(committed);
    const std::lock_guard lock(mutex_);
    if (opened_ && opened_->partition == partition && fetched.leader_epoch == assignment_.leader_epoch &&
        ends.log_end >= fetched.high_watermark)
        heard_ = true;
    return {};
}

bool Replica::post(std::function<void()> work) const {
    const auto partition = this->partition();
    return partition != nullptr && partition->copy()->post(std::move(work));
}

}  // namespace dl::slave
