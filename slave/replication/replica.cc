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
    std::shared_ptr<const Listeners> listeners;
    bool leads_on = false;
    {
        const std::lock_guard lock(mutex_);
        if (assignment.version <= assignment_.version) return;
        leads_on = tracker_ && opened && opened_ && opened->partition == opened_->partition &&
                   assignment.leader == context_.self && assignment.leader_epoch == assignment_.leader_epoch;
        assignment_ = assignment;
        if (leads_on) {
            tracker_->set(sets_of(assignment), context_.uptime_us());
            recent_.drop_below(tracker_->high_watermark());
            std::erase_if(holds_, [&](const auto& one) { return !is_in(assignment.replicas, one.first); });
            // Fewer to wait for, perhaps.
            opened_->partition->copy()->commit_up_to(tracker_->high_watermark());
            listeners = listeners_;
        } else {
            const bool goes_on = opened && opened_ && opened->partition == opened_->partition;
            heard_ = goes_on && (heard_ || (tracker_ && tracker_->may_serve()));
            tracker_.reset();
            recent_.clear();
            holds_.clear();
            damaged_followers_.clear();
            opened_ = opened;
            resigns_ = false;
        }
        // Also of one that is not there: it cannot lead.
        if (watch()) context_.unsettled->add(weak_from_this());
    }
    if (leads_on) {
        // Who is new here, or has left a set, says anew what it has: it may be at rest.
        tell(false, listeners);
        return;
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
        recent_.clear();
        holds_.clear();
        damaged_followers_.clear();
        opened_ = opened;
        resigns_ = false;
        assignment = assignment_;
        if (watch()) context_.unsettled->add(weak_from_this());
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
        {
            const std::lock_guard lock(mutex_);
            resigns_ = true;
        }
        unsettle();
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
    unsettle();
    log_info(kComponent, "leads",
             {{"partition", opened.name},
              {"epoch", epoch.value},
              {"log_end", ends.log_end},
              {"high_watermark", ends.high_watermark}});
}

bool Replica::watch() {
    return !std::exchange(watched_, true);
}

void Replica::unsettle() {
    const std::lock_guard lock(mutex_);
    if (watch()) context_.unsettled->add(weak_from_this());
}

void Replica::look_for_failure() {
    const auto partition = this->partition();
    if (partition != nullptr && partition->write_failure()) unsettle();
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
    if (!is_copy || assignment_.leader == context_.self || (!opened_ && !damaged_)) return NodeId{};
    return assignment_.leader;
}

bool Replica::is_damaged() const {
    const std::lock_guard lock(mutex_);
    return !opened_ && damaged_;
}

bool Replica::is_member() const {
    const std::lock_guard lock(mutex_);
    return is_in(assignment_.in_sync, context_.self) || is_in(assignment_.eligible, context_.self);
}

Result<void> Replica::check_readable(LeaderEpoch epoch) const {
    if (!context_.lease->held()) return not_leading("it has not heard of the master for too long");
    {
        const std::lock_guard lock(mutex_);
        const bool is_read = is_in(assignment_.in_sync, context_.self) && assignment_.leader != NodeId{} &&
                             assignment_.leader_epoch == epoch && opened_;
        if (is_read) return {};
    }
    return not_leading("its copy is not in sync in leader epoch " + std::to_string(epoch.value));
}

void Replica::note_damage(bool damaged) {
    const std::lock_guard lock(mutex_);
    damaged_ = damaged;
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
    position.losses = ends.losses;
    return position;
}

Result<void> Replica::take(const rpc::FetchedPartition& fetched, const std::vector<StoredBatch>& batches,
                           ApplyOn where) {
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
    if (committed > ends.high_watermark && copy.part() == CopyPart::follower) {
        if (where == ApplyOn::this_thread)
            DL_TRY(partition->advance_high_watermark(committed));
        else
            copy.commit_up_to(committed);
    }
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
