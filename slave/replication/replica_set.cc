#include "slave/replication/replica_set.h"

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include "common/base/log.h"
#include "common/base/random_id.h"

namespace dl::slave {
namespace {

constexpr auto kComponent = "slave.replicas";

}  // namespace

ReplicaSet::ReplicaSet(CopyStore& store, WorkerPool& work, Identity identity, Executors executors,
                       ReplicaOptions options)
    : store_(store),
      work_(work),
      identity_(std::move(identity)),
      executors_(std::move(executors)),
      options_(options),
      process_(random_hex(rpc::kProcessIdBytes)),
      lease_(uptime_us) {}

ReplicaSet::~ReplicaSet() {
    stop();
}

std::shared_ptr<Replica> ReplicaSet::find(const rpc::ReplicaRef& ref) const {
    const std::shared_lock lock(mutex_);
    const auto found = replicas_.find(ref);
    return found == replicas_.end() ? nullptr : found->second;
}

Result<rpc::AssignReplicasReply> ReplicaSet::assign(const rpc::AssignReplicasRequest& request) {
    if (identity_.node_id() == NodeId{} || identity_.cluster_id() != request.cluster_id)
        return make_error(ErrorCode::unavailable, "the slave is not a member of the master's cluster");
    const std::lock_guard one_at_a_time(assigning_);
    if (!lease_.is_of(request.controller))
        return make_error(ErrorCode::not_leader,
                          "the assignments are of another controller than the one whose heartbeats this "
                          "slave answers");
    // Durable first, one write a table.
    std::map<std::pair<TableId, std::uint64_t>, LeaderEpochs> by_table;
    for (const auto& one : request.partitions)
        by_table[{one.replica.table, one.replica.incarnation}][one.replica.partition] = one.leader_epoch;
    for (const auto& [table, epochs] : by_table) {
        auto noted = store_.note_copies(table.first, table.second, epochs);
        // Not here, or another: what is told is kept for when it comes.
        const bool elsewhere = noted.has_error() && (noted.error().code == ErrorCode::table_not_found ||
                                                     noted.error().code == ErrorCode::corrupt_data);
        if (noted.has_error() && !elsewhere) return std::move(noted).error();
    }
    rpc::AssignReplicasReply reply;
    const NodeId self = identity_.node_id();
    {
        const std::unique_lock lock(mutex_);
        for (const auto& node : request.nodes)
            addresses_[node.node] = node.address;
    }
    for (const auto& assignment : request.partitions) {
        const auto& ref = assignment.replica;
        std::shared_ptr<Replica> replica;
        {
            const std::unique_lock lock(mutex_);
            auto& known = replicas_[ref];
            if (known == nullptr) {
                ReplicaContext context;
                context.self = self;
                context.lease = &lease_;
                context.uptime_us = uptime_us;
                context.unsettled = unsettled_;
                context.recent_budget = recent_budget_;
                context.lag_us_max =
                    std::chrono::duration_cast<std::chrono::microseconds>(options_.lag_max).count();
                known = std::make_shared<Replica>(ref, context);
            }
            replica = known;
        }
        replica->assign(assignment, look_up(*replica));
        const auto told = replica->assignment();
        const auto version = told.version;
        if (!(told == assignment)) reply.newer.push_back({ref, told.leader_epoch, version});
        const bool is_copy = std::find(assignment.replicas.begin(), assignment.replicas.end(), self) !=
                             assignment.replicas.end();
        const std::unique_lock lock(mutex_);
        uncount(ref);
        if (is_copy || version != assignment.version) {
            versions_[ref] = version;
            digest_ += rpc::assignment_digest(ref, version);
        } else {
            replicas_.erase(ref);
        }
    }
    follow();
    return reply;
}

rpc::HeartbeatReply ReplicaSet::heartbeat(const rpc::HeartbeatRequest& request) {
    rpc::HeartbeatReply reply;
    reply.node_id = identity_.node_id();
    reply.incarnation = identity_.incarnation;
    reply.process = process_;
    reply.stopping = stopping_;
    if (request.cluster_id == identity_.cluster_id() && request.process == process_ && request.answers != 0)
        lease_.granted(request.controller, request.answers, std::int64_t{request.lease_ms} * 1000);
    {
        const std::shared_lock lock(mutex_);
        reply.assignments = digest_;
    }
    for (auto& one : unsettled_->take()) {
        const auto replica = one.lock();
        if (replica == nullptr) continue;
        if (reply.proposals.size() == rpc::kAssignmentsMax) {
            unsettled_->add(std::move(one));
            continue;
        }
        auto asked = replica->ask();
        if (!asked.settled) unsettled_->add(std::move(one));
        if (asked.proposal) reply.proposals.push_back(std::move(*asked.proposal));
    }
    for (const auto& ref : request.asked)
        reply.reports.push_back(copy_report(ref));
    // Last: the lease counts from here.
    reply.sequence = lease_.reply_to(request.controller);
    return reply;
}

// Also of one that has not been told its part yet.
rpc::CopyReport ReplicaSet::copy_report(const rpc::ReplicaRef& ref) const {
    if (const auto replica = find(ref)) return replica->copy_report();
    rpc::CopyReport report;
    report.replica = ref;
    const auto found = store_.opened(ref.table, ref.incarnation, ref.partition);
    if (found.has_error() || found->partition->write_failure()) return report;
    const auto ends = found->partition->copy()->ends();
    report.serves = true;
    report.last_epoch = ends.newest_epoch.value;
    report.log_end = ends.synced_end;
    report.committed = ends.high_watermark;
    return report;
}

Result<rpc::ExportCopyReply> ReplicaSet::export_copy(const rpc::ExportCopyRequest& request) {
    const auto replica = find(request.replica);
    if (replica == nullptr)
        return make_error(ErrorCode::not_leader, "the partition is not known here as a copy");
    DL_TRY_ASSIGN(auto made, replica->export_files(request.leader_epoch));
    return exports_.add(request.follower, request.replica, std::move(made));
}

void ReplicaSet::tick() {
    exports_.expire();
    const std::lock_guard one_at_a_time(assigning_);
    // First: what changes from here on is seen by the next tick.
    const auto changes = store_.changes();
    for (const auto& replica : next_of_round())
        replica->look_for_failure();
    if (changes == std::exchange(changes_seen_, changes)) return;
    std::vector<std::shared_ptr<Replica>> replicas;
    {
        const std::shared_lock lock(mutex_);
        replicas.reserve(replicas_.size());
        for (const auto& [ref, replica] : replicas_)
            replicas.push_back(replica);
    }
    for (const auto& replica : replicas)
        bind(*replica);
    follow();
}

std::vector<std::shared_ptr<Replica>> ReplicaSet::next_of_round() {
    std::vector<std::shared_ptr<Replica>> replicas;
    const std::shared_lock lock(mutex_);
    auto next = replicas_.upper_bound(round_at_);
    for (auto count = (replicas_.size() + kRoundTicks - 1) / kRoundTicks; count > 0; --count, ++next) {
        if (next == replicas_.end()) next = replicas_.begin();
        replicas.push_back(next->second);
        round_at_ = next->first;
    }
    return replicas;
}

std::optional<CopyStore::Opened> ReplicaSet::look_up(Replica& replica) const {
    const auto& ref = replica.ref();
    auto found = store_.opened(ref.table, ref.incarnation, ref.partition);
    replica.note_damage(found.has_error() && store_.is_damaged(ref.table, ref.incarnation, ref.partition));
    if (found.has_error()) return std::nullopt;
    return std::move(*found);
}

void ReplicaSet::bind(Replica& replica) {
    replica.rebind(look_up(replica));
}

Result<void> ReplicaSet::condemn(Replica& replica, LeaderEpoch epoch, const std::string& why) {
    // Nobody makes it lead meanwhile.
    const std::lock_guard one_at_a_time(assigning_);
    const auto& ref = replica.ref();
    if (replica.follows() == NodeId{} || replica.assignment().leader_epoch != epoch)
        return make_error(ErrorCode::not_leader, replica.name() + " does not follow any more");
    DL_TRY(store_.condemn(ref.table, ref.incarnation, ref.partition, why));
    bind(replica);
    return {};
}

Result<void> ReplicaSet::check_replaceable(const Replica& replica, LeaderEpoch epoch) const {
    if (find(replica.ref()).get() != &replica || replica.follows() == NodeId{} ||
        replica.assignment().leader_epoch != epoch)
        return make_error(ErrorCode::not_leader,
                          replica.name() + " does not follow the leader whose files were asked for any more");
    if (replica.is_member())
        return make_error(
            ErrorCode::invalid_request,
            replica.name() +
                " counts as a copy that has everything acknowledged, and its log does not go on "
                "from its leader's; it is left as it is");
    return {};
}

Result<void> ReplicaSet::replace_by_files(Replica& replica, LeaderEpoch epoch) {
    std::unique_ptr<CopyStore::Replacement> replacement;
    {
        // Nobody makes it lead, or a member, meanwhile; and closed, it cannot become one.
        const std::lock_guard one_at_a_time(assigning_);
        DL_TRY(check_replaceable(replica, epoch));
        const auto& ref = replica.ref();
        DL_TRY_ASSIGN(replacement, store_.begin_replacement(ref.table, ref.incarnation, ref.partition));
        bind(replica);
    }
    auto replaced = replacement->finish();
    bind(replica);
    return replaced;
}

// The fetchers there are to be, with what each follows.
void ReplicaSet::follow() {
    std::map<NodeId, std::vector<std::shared_ptr<Replica>>> by_leader;
    std::vector<std::shared_ptr<Fetcher>> ended;
    {
        const std::unique_lock lock(mutex_);
        if (!stopping_)
            for (const auto& [ref, replica] : replicas_)
                if (const auto leader = replica->follows(); leader != NodeId{})
                    by_leader[leader].push_back(replica);
        for (auto at = fetchers_.begin(); at != fetchers_.end();) {
            const auto address = addresses_.find(at->first);
            const bool stays = by_leader.contains(at->first) && address != addresses_.end() &&
                               address->second == at->second->address();
            if (stays) {
                ++at;
                continue;
            }
            ended.push_back(at->second);
            left_.push_back(at->second);
            at = fetchers_.erase(at);
        }
        std::erase_if(left_, [](const auto& one) { return one.expired(); });
        for (auto& [leader, replicas] : by_leader) {
            const auto address = addresses_.find(leader);
            if (address == addresses_.end()) continue;
            auto& fetcher = fetchers_[leader];
            if (fetcher == nullptr) {
                FetchIdentity who{identity_.cluster_id(), identity_.node_id(), process_};
                RefillTarget refilled;
                refilled.store = &store_;
                refilled.work = &work_;
                refilled.budget = options_.refill_budget;
                refilled.check = [this](const Replica& replica, LeaderEpoch epoch) {
                    return check_replaceable(replica, epoch);
                };
                refilled.replace = [this](Replica& replica, LeaderEpoch epoch) {
                    return replace_by_files(replica, epoch);
                };
                refilled.under_way = refills_;
                refilled.condemn = [this](Replica& replica, LeaderEpoch epoch, const std::string& why) {
                    return condemn(replica, epoch, why);
                };
                refilled.stop = &stopping_;
                fetcher = std::make_shared<Fetcher>(executors_(), std::move(who), address->second,
                                                    options_.fetch, refilled);
            }
            fetcher->follow(std::move(replicas));
            fetcher->start();
        }
    }
    for (const auto& fetcher : ended)
        fetcher->stop();
}

Result<void> ReplicaSet::drop_copy(const rpc::DropCopyRequest& request) {
    if (identity_.node_id() == NodeId{} || identity_.cluster_id() != request.cluster_id)
        return make_error(ErrorCode::unavailable, "the slave is not a member of the master's cluster");
    const std::lock_guard one_at_a_time(assigning_);
    if (!lease_.is_of(request.controller))
        return make_error(
            ErrorCode::not_leader,
            "the order is of another controller than the one whose heartbeats this slave answers");
    if (request.process != process_)
        return make_error(ErrorCode::invalid_request, "the order is for an earlier life of this slave");
    const auto& ref = request.replica;
    if (const auto replica = find(ref); replica != nullptr) {
        const auto told = replica->assignment();
        const bool is_copy =
            std::find(told.replicas.begin(), told.replicas.end(), identity_.node_id()) != told.replicas.end();
        if (is_copy || told.version > request.version)
            return make_error(ErrorCode::invalid_request, replica->name() + " is a copy here in version " +
                                                              std::to_string(told.version) +
                                                              " of its placement; nothing was removed");
    }
    {
        const std::unique_lock lock(mutex_);
        uncount(ref);
        replicas_.erase(ref);
    }
    return store_.drop_copy(ref.table, ref.incarnation, ref.partition);
}

Result<void> ReplicaSet::refill_copy(const rpc::RefillCopyRequest& request) {
    if (identity_.node_id() == NodeId{} || identity_.cluster_id() != request.cluster_id)
        return make_error(ErrorCode::unavailable, "the slave is not a member of the master's cluster");
    // Nobody makes it lead meanwhile.
    const std::lock_guard one_at_a_time(assigning_);
    const auto& ref = request.replica;
    const auto replica = find(ref);
    if (replica == nullptr)
        return make_error(ErrorCode::invalid_request, "the partition is not known here as a copy");
    if (const auto told = replica->assignment().version; told != request.version)
        return make_error(ErrorCode::unavailable, replica->name() + " is in version " + std::to_string(told) +
                                                      " of its placement here, and not in " +
                                                      std::to_string(request.version) +
                                                      "; repeat it in a moment");
    if (replica->follows() == NodeId{})
        return make_error(ErrorCode::invalid_request,
                          replica->name() + " follows no leader here, so there is nobody to copy from");
    DL_TRY(store_.condemn(ref.table, ref.incarnation, ref.partition, "by order"));
    bind(*replica);
    follow();
    return {};
}

rpc::CopyProgressReply ReplicaSet::progress() const {
    std::vector<std::shared_ptr<Replica>> replicas;
    std::vector<std::shared_ptr<Fetcher>> fetchers;
    {
        const std::shared_lock lock(mutex_);
        for (const auto& [ref, replica] : replicas_)
            replicas.push_back(replica);
        for (const auto& [leader, fetcher] : fetchers_)
            fetchers.push_back(fetcher);
    }
    rpc::CopyProgressReply reply;
    for (const auto& replica : replicas)
        replica->add_lags(reply.lags);
    std::set<rpc::ReplicaRef> told;
    for (const auto& fetcher : fetchers)
        fetcher->add_troubles(reply.troubles);
    for (const auto& trouble : reply.troubles)
        told.insert(trouble.replica);
    for (const auto& trouble : store_.troubles(rpc::kCopyProgressMax)) {
        if (reply.troubles.size() >= rpc::kCopyProgressMax) break;
        rpc::ReplicaRef ref{trouble.table, trouble.incarnation, trouble.partition};
        if (told.contains(ref)) continue;
        rpc::CopyTrouble said;
        said.replica = ref;
        said.error = trouble.error.to_text().substr(0, rpc::kTroubleBytesMax);
        reply.troubles.push_back(std::move(said));
    }
    if (reply.troubles.size() > rpc::kCopyProgressMax) reply.troubles.resize(rpc::kCopyProgressMax);
    reply.follower_reads = follower_reads_.load(std::memory_order_relaxed);
    return reply;
}

void ReplicaSet::uncount(const rpc::ReplicaRef& ref) {
    const auto counted = versions_.find(ref);
    if (counted == versions_.end()) return;
    digest_ -= rpc::assignment_digest(ref, counted->second);
    versions_.erase(counted);
}

void ReplicaSet::forget(TableId table) {
    const std::lock_guard one_at_a_time(assigning_);
    {
        const std::unique_lock lock(mutex_);
        std::erase_if(replicas_, [&](const auto& one) { return one.first.table == table; });
        std::erase_if(versions_, [&](const auto& one) {
            if (one.first.table != table) return false;
            digest_ -= rpc::assignment_digest(one.first, one.second);
            return true;
        });
    }
    follow();
}

bool ReplicaSet::leads_any() const {
    const std::shared_lock lock(mutex_);
    return std::any_of(replicas_.begin(), replicas_.end(), [&](const auto& one) {
        const auto assignment = one.second->assignment();
        return assignment.leader == identity_.node_id() && assignment.in_sync.size() > 1;
    });
}

void ReplicaSet::hand_over(std::chrono::milliseconds time) {
    stopping_ = true;
    const auto until = std::chrono::steady_clock::now() + time;
    while (leads_any() && lease_.held() && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (leads_any()) log_warn(kComponent, "stops while it leads partitions that have other copies");
}

void ReplicaSet::stop() {
    stopping_ = true;
    std::map<NodeId, std::shared_ptr<Fetcher>> fetchers;
    std::vector<std::weak_ptr<Fetcher>> left;
    {
        const std::unique_lock lock(mutex_);
        fetchers.swap(fetchers_);
        left.swap(left_);
    }
    for (const auto& [leader, fetcher] : fetchers)
        fetcher->stop();
    for (const auto& [leader, fetcher] : fetchers)
        fetcher->wait_until_ended();
    // What they do still uses this set.
    for (const auto& one : left)
        if (const auto fetcher = one.lock()) fetcher->wait_until_ended();
}

}  // namespace dl::slave
