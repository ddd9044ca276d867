// Assignments: each slave is told until what it has is what the catalog says, and removes copies it is to
// have no longer.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/async/run_on.h"
#include "common/base/log.h"
#include "common/rpc/messages/copy_messages.h"
#include "master/control/replica_controller_state.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kRetryTelling{200};
constexpr milliseconds kRetryDrops{5000};
constexpr std::size_t kDropsAtOnce = 64;
constexpr auto kTellingPatience = std::chrono::seconds(30);

}  // namespace

// Partitions that are new there, then the assignments.
asio::awaitable<Result<void>> ReplicaController::State::tell_part(Slave& slave, NodeId node,
                                                                  const ReplicaIndex::Telling& telling,
                                                                  std::shared_ptr<State> self) {
    auto client = directory.client(slave.address);
    if (client.has_error()) co_return std::move(client).error();
    const auto deadline = steady_clock::now() + kTellingPatience;
    for (auto request : telling.create) {
        request.cluster_id = catalog.cluster_id();
        auto created =
            co_await (*client)->call(rpc::Method::create_table, rpc::encode(request), {}, deadline);
        if (created.has_error()) co_return std::move(created).error();
        if (catalog.tables().placement(request.table.id) != nullptr) continue;
        // Dropped meanwhile, and the drop may have come there first.
        const rpc::DropTableRequest drop{{request.table.id, request.table.name, request.table.incarnation}};
        auto dropped = co_await (*client)->call(rpc::Method::drop_table, rpc::encode(drop), {}, deadline);
        if (dropped.has_error()) co_return std::move(dropped).error();
    }
    auto request = telling.request;
    request.cluster_id = catalog.cluster_id();
    request.controller = controller;
    auto assigned =
        co_await (*client)->call(rpc::Method::assign_replicas, rpc::encode(request), {}, deadline);
    if (assigned.has_error()) co_return std::move(assigned).error();
    auto reply = rpc::decode_reply<rpc::AssignReplicasReply>(assigned->end_json);
    if (reply.has_error()) co_return std::move(reply).error();
    {
        std::lock_guard lock(mutex);
        index.told(node, telling);
    }
    if (!reply->newer.empty()) co_await rise_above(slave, std::move(reply->newer), self);
    co_return Result<void>();
}

// What a slave was told before is newer than the catalog, which was put back from a backup. Its epochs were
// given, and perhaps written in: nobody leads in one of them again, and who leads next is elected by what the
// copies hold.
asio::awaitable<void> ReplicaController::State::rise_above(Slave& slave,
                                                           std::vector<rpc::KnownAssignment> newer,
                                                           std::shared_ptr<State> self) {
    std::vector<PlacementChange> changes;
    std::string first;
    {
        std::lock_guard lock(mutex);
        follow_catalog();
        for (const auto& known : newer) {
            const auto& ref = known.replica;
            const auto* table = index.table(ref.table);
            if (table == nullptr || table->meta->incarnation != ref.incarnation ||
                ref.partition.value >= table->placement->partitions.size())
                continue;
            auto next = table->placement->partitions[ref.partition.value];
            const auto version = next.version;
            if (version > known.version) continue;  // another slave has said it
            if (first.empty())
                first = table->meta->name + "/" + std::to_string(ref.partition.value) + ": version " +
                        std::to_string(known.version) + ", epoch " +
                        std::to_string(known.leader_epoch.value) + ", here " + std::to_string(version) +
                        " and " + std::to_string(next.leader_epoch.value);
            next.leader = NodeId{};
            next.leader_epoch = std::max(next.leader_epoch, known.leader_epoch);
            changes.push_back({ref.table, ref.partition, version, std::move(next), known.version});
        }
    }
    if (changes.empty()) co_return;
    log_warn(kCopiesComponent,
             "a slave was told more of partitions than the catalog knows, which must be an older one that "
             "was put back; they get new leaders",
             {{"slave", slave.address}, {"partitions", changes.size()}, {"first", first}});
    auto change = [self, changes = std::move(changes)]() mutable {
        return self->catalog.change_placements(std::move(changes));
    };
    // What was changed meanwhile is told anew, and said again.
    const auto changed = co_await run_on(work, change);
    if (changed.has_error())
        log_error(kCopiesComponent, "placements could not be changed", {{"error", changed.error()}});
    std::lock_guard lock(mutex);
    if (changed.has_error()) index.tell_all(node_of(slave.address));
    follow_catalog();
    look_at_all = true;
    to_decide.set();
}

// What a node is to hold no longer goes last: it was told that it is no copy, and others have joined. Removed
// there first, then from the catalog: whatever comes between, the order is given again. True: some are gone.
asio::awaitable<bool> ReplicaController::State::drop_copies(Slave& slave, NodeId node,
                                                            std::shared_ptr<State> self) {
    std::vector<ReplicaIndex::Drop> drops;
    rpc::DropCopyRequest request;
    {
        std::lock_guard lock(mutex);
        const auto now = steady_clock::now();
        if (node == NodeId{} || now < slave.drop_again_at || !liveness.is_live(node, now)) co_return false;
        request.process = liveness.process(node);
        drops = index.drops(node, kDropsAtOnce);
    }
    if (drops.empty()) co_return false;
    auto client = directory.client(slave.address);
    if (client.has_error()) co_return false;
    request.cluster_id = catalog.cluster_id();
    request.controller = controller;
    std::vector<PlacementChange> changes;
    std::optional<Error> failure;
    for (auto& drop : drops) {
        {
            // News of leaders do not wait for files that are removed.
            std::lock_guard lock(mutex);
            if (stopping || !index.is_told_all(node)) break;
        }
        request.replica = drop.replica;
        request.version = drop.version;
        const auto deadline = steady_clock::now() + kTellingPatience;
        auto dropped = co_await (*client)->call(rpc::Method::drop_copy, rpc::encode(request), {}, deadline);
        if (dropped.has_error()) {
            failure = std::move(dropped).error();
            break;
        }
        changes.push_back({drop.key.first, drop.key.second, drop.version, std::move(drop.next)});
    }
    if (failure) {
        DL_LOG_LIMITED(1, LogLevel::warn, kCopiesComponent, "a copy could not be removed; it is tried again",
                       {"slave", slave.address}, {"error", *failure});
        std::lock_guard lock(mutex);
        slave.drop_again_at = steady_clock::now() + kRetryDrops;
    }
    if (changes.empty()) co_return false;
    const auto count = changes.size();
    auto change = [self, changes = std::move(changes)]() mutable {
        return self->catalog.change_placements(std::move(changes));
    };
    auto changed = co_await run_on(work, change);
    if (changed.has_error()) {
        log_error(kCopiesComponent, "placements could not be changed", {{"error", changed.error()}});
        std::lock_guard lock(mutex);
        slave.drop_again_at = steady_clock::now() + kRetryDrops;
        co_return false;
    }
    log_info(kCopiesComponent, "a slave has removed copies that it is to have no longer",
             {{"slave", slave.address}, {"copies", count}});
    std::lock_guard lock(mutex);
    follow_catalog();
    to_decide.set();
    co_return true;
}

asio::awaitable<void> ReplicaController::State::tell(Slave& slave, std::shared_ptr<State> self) {
    while (!is_stopping()) {
        const auto node = node_of(slave.address);
        std::optional<ReplicaIndex::Telling> telling;
        {
            std::lock_guard lock(mutex);
            slave.telling = false;
            if (node != NodeId{} && liveness.is_live(node, steady_clock::now()))
                telling = index.next_telling(node);
            slave.telling = telling.has_value();
        }
        if (!telling) {
            const bool dropped = co_await drop_copies(slave, node, self);
            if (dropped) continue;
            co_await slave.to_tell.wait(steady_clock::now() + std::chrono::seconds(1));
            continue;
        }
        auto told = co_await tell_part(slave, node, *telling, self);
        if (told.has_value()) continue;
        DL_LOG_LIMITED(1, LogLevel::warn, kCopiesComponent, "a slave could not be told its assignments",
                       {"slave", slave.address}, {"error", told.error()});
        {
            std::lock_guard lock(mutex);
            index.tell_addresses(node);
        }
        co_await pause_for(kRetryTelling);
    }
}

}  // namespace dl::master
