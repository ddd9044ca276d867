#include "master/control/table_manager.h"

#include <algorithm>
#include <random>
#include <utility>

#include "common/async/run_all.h"
#include "common/async/run_on.h"
#include "common/base/log.h"
#include "master/control/placement_planner.h"
#include "master/routing/rpc_codec.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr std::string_view kComponent = "master.tables";
constexpr int kAlterAttempts = 8;
// A drop is done once the catalog says so; slaves that do not answer soon are asked again later.
constexpr auto kDropPatience = std::chrono::seconds(5);

std::map<std::string, std::vector<std::uint32_t>> partitions_by_node(const TableMeta& table) {
    std::map<std::string, std::vector<std::uint32_t>> nodes;
    for (std::uint32_t i = 0; i < table.partitions.size(); ++i)
        nodes[table.partitions[i].leader].push_back(i);
    return nodes;
}

}  // namespace

Result<TableMeta> TableManager::plan(const TableDefinition& definition) const {
    std::random_device random;
    const std::uint64_t seed = (std::uint64_t{random()} << 32) | random();
    DL_TRY_ASSIGN(auto table, build_table(definition, seed));
    if (catalog_.tables().find(table.name))
        return make_error(ErrorCode::table_exists, "table '" + table.name + "' exists already");
    std::map<std::string, std::uint64_t> led;
    for (const auto& other : catalog_.tables().list())
        for (const auto& placement : other->partitions)
            ++led[placement.leader];
    DL_TRY_ASSIGN(table.partitions, plan_placement(slaves_.nodes(), std::move(led), table.partition_count));
    return table;
}

asio::awaitable<Result<void>> TableManager::create_on_slaves(const TableMeta& table, rpc::Deadline deadline) {
    const auto nodes = partitions_by_node(table);
    std::vector<std::optional<Error>> failures(nodes.size());
    std::vector<Task> tasks;
    std::size_t index = 0;
    for (const auto& entry : nodes) {
        auto* failure = &failures[index++];
        tasks.emplace_back([this, &entry, failure, &table, deadline]() -> asio::awaitable<void> {
            auto slave = slaves_.client(entry.first);
            if (slave.has_error()) {
                *failure = std::move(slave).error();
                co_return;
            }
            auto reply = co_await (*slave)->call(rpc::Method::create_table,
                                                 encode_create_table(table, entry.second), {}, deadline);
            if (reply.has_error()) *failure = std::move(reply).error();
        });
    }
    co_await run_all(std::move(tasks));
    for (auto& failure : failures) {
        if (!failure) continue;
        // Whatever the slave did, no table came to be: the client may simply try again.
        if (error_outcome(failure->code) != Outcome::nothing_done) failure->code = ErrorCode::unavailable;
        co_return failure->in("table '" + table.name + "' was not created");
    }
    co_return Result<void>();
}

asio::awaitable<Result<TablePtr>> TableManager::create(TableDefinition definition, rpc::Deadline deadline) {
    auto reserve = [this, definition = std::move(definition)]() -> Result<TableMeta> {
        DL_TRY_ASSIGN(auto table, plan(definition));
        // Before the drops are queued nothing may clean them up, so the lock spans both.
        std::lock_guard lock(mutex_);
        DL_TRY_ASSIGN(table.id, catalog_.reserve_table(nodes_of(table)));
        in_creation_.insert(table.id);
        return table;
    };
    auto reserved = co_await run_on(work_, reserve);
    if (reserved.has_error()) co_return std::move(reserved).error();
    auto table = std::make_shared<const TableMeta>(std::move(*reserved));
    auto on_slaves = co_await create_on_slaves(*table, deadline);
    if (on_slaves.has_error()) {
        {
            std::lock_guard lock(mutex_);
            in_creation_.erase(table->id);
        }
        log_warn(kComponent, "create failed", {{"table", table->name}, {"error", on_slaves.error()}});
        co_return std::move(on_slaves).error();
    }
    auto commit = [this, table]() -> Result<TablePtr> {
        auto added = catalog_.add_table(*table);
        std::lock_guard lock(mutex_);
        in_creation_.erase(table->id);
        return added;
    };
    auto added = co_await run_on(work_, commit);
    if (added.has_value()) {
        log_info(kComponent, "created",
                 {{"table", table->name}, {"id", table->id.value}, {"partitions", table->partition_count}});
        if (table->copies > 1)
            log_warn(kComponent,
                     "copies are stored but not kept yet: only the leader of each partition is placed",
                     {{"table", table->name}, {"copies", table->copies}});
    }
    co_return added;
}

asio::awaitable<Result<void>> TableManager::drop(std::string name, rpc::Deadline deadline) {
    auto remove = [this, name = std::move(name)]() -> Result<TablePtr> {
        DL_TRY_ASSIGN(auto table, catalog_.find(name));
        DL_TRY(catalog_.remove_table(*table));
        return table;
    };
    auto removed = co_await run_on(work_, remove);
    if (removed.has_error()) co_return std::move(removed).error();
    const auto table = *removed;
    log_info(kComponent, "dropped", {{"table", table->name}, {"id", table->id.value}});
    const auto until = std::min(deadline, steady_clock::now() + kDropPatience);
    std::vector<Task> tasks;
    for (const auto& node : nodes_of(*table)) {
        tasks.emplace_back([this, table, node, until]() -> asio::awaitable<void> {
            const PendingDrop pending{table->id, node};
            (void)co_await carry_out(pending, until);
        });
    }
    co_await run_all(std::move(tasks));
    co_return Result<void>();
}

asio::awaitable<bool> TableManager::carry_out(PendingDrop drop, rpc::Deadline deadline) {
    auto slave = slaves_.client(drop.node);
    if (slave.has_error()) co_return false;
    auto reply =
        co_await (*slave)->call(rpc::Method::drop_table, encode_drop_table(drop.table), {}, deadline);
    if (reply.has_error()) {
        DL_LOG_LIMITED(2, LogLevel::warn, kComponent, "a drop is still to be carried out",
                       {"slave", drop.node}, {"id", drop.table.value}, {"error", reply.error()});
        co_return false;
    }
    auto finish = [this, drop] { return catalog_.finish_drop(drop); };
    auto finished = co_await run_on(work_, finish);
    if (finished.has_error())
        log_error(kComponent, "a finished drop was not recorded", {{"error", finished.error()}});
    co_return true;
}

asio::awaitable<Result<TablePtr>> TableManager::alter(std::string name, Change change,
                                                      rpc::Deadline deadline) {
    auto commit = [this, name = std::move(name), change = std::move(change)]() -> Result<TablePtr> {
        for (int attempt = 1;; ++attempt) {
            DL_TRY_ASSIGN(auto table, catalog_.find(name));
            DL_TRY_ASSIGN(auto changed, change(*table));
            auto committed = catalog_.change_schema(std::move(changed));
            const bool raced = committed.has_error() && committed.error().code == ErrorCode::schema_mismatch;
            if (!raced || attempt == kAlterAttempts) return committed;
        }
    };
    auto committed = co_await run_on(work_, commit);
    if (committed.has_error()) co_return std::move(committed).error();
    const auto table = *committed;
    log_info(kComponent, "altered", {{"table", table->name}, {"schema", table->schema.id.value}});
    const auto until = std::min(deadline, steady_clock::now() + kDropPatience);
    std::vector<Task> tasks;
    for (const auto& node : nodes_of(*table)) {
        tasks.emplace_back([this, table, node, until]() -> asio::awaitable<void> {
            auto slave = slaves_.client(node);
            if (slave.has_error()) co_return;
            auto reply =
                co_await (*slave)->call(rpc::Method::update_table, encode_update_table(*table), {}, until);
            // It learns the schema with the next batch, or when it comes back.
            if (reply.has_error())
                log_warn(kComponent, "a slave does not know the new schema yet",
                         {{"slave", node}, {"table", table->name}, {"error", reply.error()}});
        });
    }
    co_await run_all(std::move(tasks));
    co_return TablePtr(table);
}

asio::awaitable<Result<TablePtr>> TableManager::add_column(std::string name, ColumnDefinition column,
                                                           rpc::Deadline deadline) {
    Change change = [column = std::move(column)](const TableMeta& table) {
        return with_column(table, column);
    };
    co_return co_await alter(std::move(name), std::move(change), deadline);
}

asio::awaitable<Result<TablePtr>> TableManager::drop_column(std::string name, std::string column,
                                                            rpc::Deadline deadline) {
    Change change = [column = std::move(column)](const TableMeta& table) {
        return without_column(table, column);
    };
    co_return co_await alter(std::move(name), std::move(change), deadline);
}

asio::awaitable<void> TableManager::retry_drops(std::string node, rpc::Deadline deadline) {
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

asio::awaitable<void> TableManager::catch_up(std::string node, rpc::Deadline deadline) {
    auto slave = slaves_.client(node);
    if (slave.has_error()) co_return;
    for (const auto& table : catalog_.tables().list()) {
        const auto nodes = nodes_of(*table);
        if (!std::binary_search(nodes.begin(), nodes.end(), node)) continue;
        auto reply =
            co_await (*slave)->call(rpc::Method::update_table, encode_update_table(*table), {}, deadline);
        if (reply.has_error())
            log_warn(kComponent, "a slave that came back does not take a schema",
                     {{"slave", node}, {"table", table->name}, {"error", reply.error()}});
    }
    co_await retry_drops(node, deadline);
}

}  // namespace dl::master
