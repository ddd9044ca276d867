#include "master/control/table_manager.h"

#include <algorithm>
#include <utility>

#include "common/async/run_all.h"
#include "common/async/run_on.h"
#include "common/base/log.h"
#include "common/rpc/messages/replica_messages.h"
#include "common/rpc/messages/table_messages.h"
#include "master/catalog/catalog_format.h"
#include "master/control/live_slaves.h"
#include "master/control/replica_planner.h"
#include "master/control/schema_agreement.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr std::string_view kComponent = "master.tables";
constexpr int kAlterAttempts = 8;
// A drop is done once the catalog says so; slaves that do not answer soon are asked again later.
constexpr auto kAnnouncePatience = std::chrono::seconds(2);
constexpr auto kDropPatience = std::chrono::seconds(5);
// Of a new table for slaves that are away while others are there.
constexpr auto kAwayPatience = std::chrono::milliseconds(500);

}  // namespace

asio::awaitable<Result<void>> TableManager::create_on_slaves(const Planned& planned, rpc::Deadline deadline) {
    const auto& table = planned.table;
    const auto nodes = nodes_of(planned.placement);
    std::vector<std::optional<Error>> failures(nodes.size());
    std::vector<Task> tasks;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        tasks.emplace_back(
            [this, &planned, node = nodes[i], failure = &failures[i], deadline]() -> asio::awaitable<void> {
                auto route = routes_.node(node);
                if (route.has_error()) {
                    *failure = std::move(route).error();
                    co_return;
                }
                const bool replicated = rpc::is_assigned(planned.placement.partitions.front());
                const auto request = rpc::encode(rpc::CreateTableRequest{
                    catalog_.cluster_id(), planned.table,
                    rpc::partition_epochs(epochs_on(planned.placement, node)), replicated});
                SlaveCall retries(routes_, retries_, {}, LostAnswer::is_an_error, deadline);
                for (;;) {
                    rpc::CallTrace trace;
                    auto reply =
                        co_await route->slave->call(rpc::Method::create_table, request, {}, deadline, &trace);
                    if (reply.has_value()) co_return;
                    auto again = co_await retries.settle(*route, std::move(reply).error(), trace);
                    if (again.has_error()) {
                        *failure = std::move(again).error();
                        co_return;
                    }
                }
            });
    }
    co_await run_all(std::move(tasks));
    for (auto& failure : failures) {
        if (!failure) continue;
        // Whatever the slave did, no table came to be: the client may simply try again.
        if (error_outcome(failure->code) != Outcome::nothing_done) failure->code = ErrorCode::unavailable;
        if (failure->code == ErrorCode::unavailable) failure->message += "; repeat the statement";
        co_return failure->in("table '" + table.name + "' was not created");
    }
    co_return Result<void>();
}

asio::awaitable<Result<CatalogTablePtr>> TableManager::create(TableDefinition definition,
                                                              rpc::Deadline deadline, bool replace) {
    // Slaves not heard of yet are asked who they are before partitions are placed on them.
    const auto now = steady_clock::now();
    co_await nodes_.greet_unknown(std::min(deadline, now + retries_.slave_wait),
                                  std::max(started_ + retries_.slave_wait, now + kAwayPatience));
    if (definition.copies > 1)
        co_await wait_for_a_live_slave(copies_, std::min(deadline, now + retries_.slave_wait));
    TablePlacement tried;
    auto created = co_await create_once(definition, deadline, replace, tried);
    // One that went just before was not known to be away: the table can be on the others.
    if (created.has_error() && created.error().code == ErrorCode::unavailable && is_on_lost(tried))
        created = co_await create_once(definition, deadline, replace, tried);
    co_return created;
}

asio::awaitable<Result<CatalogTablePtr>> TableManager::create_once(const TableDefinition& definition,
                                                                   rpc::Deadline deadline, bool replace,
                                                                   TablePlacement& tried) {
    auto reserve = [this, &definition, replace, &tried]() -> Result<Planned> {
        DL_TRY_ASSIGN(auto planned, plan(definition, replace));
        tried = planned.placement;
        // Before the drops are queued nothing may clean them up, so the lock spans both.
        std::lock_guard lock(mutex_);
        DL_TRY_ASSIGN(planned.table.id,
                      catalog_.reserve_table(nodes_of(planned.placement), planned.table.incarnation));
        in_creation_.insert(planned.table.id);
        return planned;
    };
    DL_CO_TRY_ASSIGN(auto reserved, co_await run_on(work_, reserve));
    const auto planned = std::make_shared<const Planned>(std::move(reserved));
    const auto* table = &planned->table;
    auto on_slaves = co_await create_on_slaves(*planned, deadline);
    if (on_slaves.has_error()) {
        {
            std::lock_guard lock(mutex_);
            in_creation_.erase(table->id);
        }
        log_warn(kComponent, "create failed", {{"table", table->name}, {"error", on_slaves.error()}});
        co_return std::move(on_slaves).error();
    }
    const auto removed = std::make_shared<Catalog::Removed>();
    auto commit = [this, planned, replace, removed,
                   filled = definition.being_filled]() -> Result<CatalogTablePtr> {
        auto added = replace ? catalog_.replace_table(planned->table, planned->placement, *removed)
                             : catalog_.add_table(planned->table, planned->placement, filled);
        std::lock_guard lock(mutex_);
        in_creation_.erase(planned->table.id);
        return added;
    };
    auto added = co_await run_on(work_, commit);
    if (added.has_value()) {
        for (const auto node : nodes_of(planned->placement))
            agreed_.lock()->emplace(table->id, node);
        log_info(kComponent, "created",
                 {{"table", table->name}, {"id", table->id.value}, {"partitions", table->partition_count}});
        const auto there = planned->placement.partitions.front().replicas.size();
        if (there < table->copies)
            log_warn(kComponent, "fewer copies than asked for: there are not enough slaves yet",
                     {{"table", table->name}, {"copies", table->copies}, {"made", there}});
        if (copies_ != nullptr && there > 1)
            co_await copies_->announce(table->id,
                                       std::min(deadline, steady_clock::now() + kAnnouncePatience));
    }
    if (removed->table != nullptr) co_await remove_from_slaves(*removed, deadline);
    co_return added;
}

asio::awaitable<Result<void>> TableManager::finish_filling(TableId table) {
    auto finish = [this, table] { return catalog_.finish_filling(table); };
    co_return co_await run_on(work_, finish);
}

asio::awaitable<Result<CatalogTablePtr>> TableManager::set_copies(std::string name, std::uint32_t copies,
                                                                  rpc::Deadline deadline) {
    auto set = [this, name = std::move(name), copies]() -> Result<CatalogTablePtr> {
        DL_TRY_ASSIGN(const auto table, catalog_.find(name));
        const auto slaves = routes_.slaves().nodes().size();
        if (copies > slaves)
            return make_error(ErrorCode::unavailable,
                              "table '" + table->name + "' keeps its copies: " + std::to_string(copies) +
                                  " copies need as many slaves and slave.nodes names " +
                                  std::to_string(slaves) + "; add some, or ask for fewer copies");
        return catalog_.set_copies(*table, copies);
    };
    auto changed = co_await run_on(work_, set);
    if (changed.has_error()) co_return changed;
    log_info(kComponent, "another number of copies is wanted",
             {{"table", (*changed)->name}, {"copies", copies}});
    if (copies_ != nullptr)
        co_await copies_->announce((*changed)->id,
                                   std::min(deadline, steady_clock::now() + kAnnouncePatience));
    co_return changed;
}

asio::awaitable<Result<void>> TableManager::drop(std::string name, rpc::Deadline deadline,
                                                 std::optional<TableId> only) {
    auto remove = [this, name = std::move(name), only]() -> Result<Catalog::Removed> {
        Catalog::Removed removed;
        DL_TRY_ASSIGN(removed.table, catalog_.find(name));
        if (only && removed.table->id != *only)
            return make_error(ErrorCode::table_not_found, "table '" + name + "' was dropped meanwhile");
        removed.placement = catalog_.tables().placement(removed.table->id);
        DL_TRY(catalog_.remove_table(*removed.table));
        return removed;
    };
    auto removed = co_await run_on(work_, remove);
    if (removed.has_error()) co_return std::move(removed).error();
    co_await remove_from_slaves(std::move(*removed), deadline);
    co_return Result<void>();
}

asio::awaitable<void> TableManager::remove_from_slaves(Catalog::Removed removed, rpc::Deadline deadline) {
    const auto table = removed.table;
    log_info(kComponent, "dropped", {{"table", table->name}, {"id", table->id.value}});
    std::erase_if(*agreed_.lock(), [&](const auto& agreed) { return agreed.first == table->id; });
    const auto until = std::min(deadline, steady_clock::now() + kDropPatience);
    std::vector<Task> tasks;
    const auto nodes = removed.placement == nullptr ? std::vector<NodeId>() : nodes_of(*removed.placement);
    for (const auto node : nodes) {
        tasks.emplace_back([this, table, node, until]() -> asio::awaitable<void> {
            const PendingDrop pending{table->id, node, table->incarnation};
            (void)co_await carry_out(pending, until);
        });
    }
    co_await run_all(std::move(tasks));
}

asio::awaitable<bool> TableManager::carry_out(PendingDrop drop, rpc::Deadline deadline) {
    auto route = routes_.node(drop.node);
    if (route.has_error()) co_return false;
    const auto request = rpc::encode(rpc::DropTableRequest{{drop.table, {}, drop.incarnation}});
    auto reply = co_await route->slave->call(rpc::Method::drop_table, request, {}, deadline);
    if (reply.has_error()) {
        DL_LOG_LIMITED(2, LogLevel::warn, kComponent, "a drop is still to be carried out",
                       {"slave", route->address}, {"id", drop.table.value}, {"error", reply.error()});
        co_return false;
    }
    auto finish = [this, drop] { return catalog_.finish_drop(drop); };
    auto finished = co_await run_on(work_, finish);
    if (finished.has_error())
        log_error(kComponent, "a finished drop was not recorded", {{"error", finished.error()}});
    co_return true;
}

asio::awaitable<Result<CatalogTablePtr>> TableManager::alter(std::string name, Change change,
                                                             rpc::Deadline deadline) {
    const SchemaTellers with{catalog_, routes_, work_, agreed_};
    DL_CO_TRY(co_await agree_on_schema(with, name, deadline));
    auto commit = [this, name = std::move(name), change = std::move(change)]() -> Result<CatalogTablePtr> {
        for (int attempt = 1;; ++attempt) {
            DL_TRY_ASSIGN(auto table, catalog_.find(name));
            DL_TRY_ASSIGN(auto changed, change(*table));
            auto committed = catalog_.change_schema(std::move(changed));
            const bool raced = committed.has_error() && committed.error().code == ErrorCode::schema_mismatch;
            if (!raced || attempt == kAlterAttempts) return committed;
        }
    };
    DL_CO_TRY_ASSIGN(const auto table, co_await run_on(work_, commit));
    log_info(kComponent, "altered", {{"table", table->name}, {"schema", table->schema.id.value}});
    const auto until = std::min(deadline, steady_clock::now() + kDropPatience);
    std::vector<Task> tasks;
    const auto placement = catalog_.tables().placement(table->id);
    for (const auto node : placement == nullptr ? std::vector<NodeId>() : nodes_of(*placement)) {
        tasks.emplace_back([with, table, node, until]() -> asio::awaitable<void> {
            const LeaderEpochs none;
            const auto told = co_await tell_schema(with, table, node, none, until);
            // It learns the schema with the next batch, or when it comes back.
            if (told.has_error())
                log_warn(kComponent, "a slave does not know the new schema yet",
                         {{"node", node.value}, {"table", table->name}, {"error", told.error()}});
        });
    }
    co_await run_all(std::move(tasks));
    co_return CatalogTablePtr(table);
}

asio::awaitable<void> TableManager::retry_drops(NodeId node, rpc::Deadline deadline) {
    auto list = [this] { return catalog_.pending_drops(); };
    auto pending = co_await run_on(work_, list);
    if (pending.has_error()) {
        log_error(kComponent, "the open drops cannot be read", {{"error", pending.error()}});
        co_return;
    }
    for (const auto& drop : *pending) {
        if (drop.node != node) continue;
        {
            std::lock_guard lock(mutex_);
            if (in_creation_.contains(drop.table)) continue;
        }
        // The list was read a while ago: a creation that was under way then may be complete by now.
        const auto tables = catalog_.tables().list();
        if (std::any_of(tables.begin(), tables.end(),
                        [&](const TablePtr& table) { return table->id == drop.table; }))
            continue;
        const bool carried_out = co_await carry_out(drop, deadline);
        if (!carried_out) co_return;
    }
}

asio::awaitable<void> TableManager::catch_up(NodeId node, rpc::Deadline deadline) {
    auto route = routes_.node(node);
    if (route.has_error()) co_return;
    const SchemaTellers with{catalog_, routes_, work_, agreed_};
    for (const auto& table : catalog_.tables().list()) {
        const auto placement = catalog_.tables().placement(table->id);
        if (placement == nullptr) continue;
        if (epochs_on(*placement, node).empty()) continue;
        const auto epochs = unassigned_epochs(*placement, node);
        const auto told = co_await tell_schema(with, table, node, epochs, deadline);
        if (told.has_value()) continue;
        log_warn(kComponent, "a slave that came back does not take a schema",
                 {{"slave", route->address}, {"table", table->name}, {"error", told.error()}});
    }
    co_await retry_drops(node, deadline);
}

}  // namespace dl::master
