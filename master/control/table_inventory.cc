// What the slaves hold: orphans, and how large tables are.
#include <utility>

#include "common/async/run_on.h"
#include "common/base/log.h"
#include "common/rpc/messages/table_messages.h"
#include "master/control/table_manager.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kComponent = "master.tables";

}  // namespace

asio::awaitable<Result<std::vector<TableManager::Orphan>>> TableManager::orphans(rpc::Deadline deadline) {
    std::vector<Orphan> found;
    for (const auto& address : routes_.slaves().nodes()) {
        DL_CO_TRY_ASSIGN(auto greeted, co_await nodes_.greet(address, deadline));
        DL_CO_TRY_ASSIGN(auto held, co_await nodes_.inventory(address, deadline));
        auto list = [this] { return catalog_.pending_drops(); };
        DL_CO_TRY_ASSIGN(auto drops, co_await run_on(work_, list));
        // Of a table that is created at the moment there is a drop too.
        std::set<TableId> expected;
        for (const auto& drop : drops)
            if (drop.node == greeted.node.id) expected.insert(drop.table);
        for (auto& table : orphans_of(held, catalog_.tables().list(), expected))
            found.push_back({orphan_name(table.incarnation), address, std::move(table)});
    }
    co_return found;
}

asio::awaitable<Result<void>> TableManager::drop_orphan(std::string name, rpc::Deadline deadline) {
    DL_CO_TRY_ASSIGN(auto found, co_await orphans(deadline));
    bool any = false;
    for (const auto& orphan : found) {
        if (orphan.name != name) continue;
        any = true;
        auto slave = routes_.slaves().client(orphan.slave);
        if (slave.has_error()) co_return std::move(slave).error();
        const auto request = rpc::encode(
            rpc::DropTableRequest{{orphan.table.id, orphan.table.name, orphan.table.incarnation}});
        auto dropped = co_await (*slave)->call(rpc::Method::drop_table, request, {}, deadline);
        if (dropped.has_error()) co_return std::move(dropped).error();
        log_info(kComponent, "orphan dropped",
                 {{"orphan", name}, {"table", orphan.table.name}, {"slave", orphan.slave}});
    }
    if (!any)
        co_return make_error(ErrorCode::not_found,
                             "no slave holds an orphan '" + name + "'; show orphans lists them");
    co_return Result<void>();
}

asio::awaitable<std::map<TableId, std::optional<std::uint64_t>>> TableManager::bytes_held(
    rpc::Deadline deadline) {
    std::map<TableId, std::optional<std::uint64_t>> bytes;
    std::map<std::pair<TableId, std::string>, std::uint64_t> held_by;
    std::set<std::string> asked;
    for (const auto& address : routes_.slaves().nodes()) {
        const auto held = co_await nodes_.inventory(address, deadline);
        if (held.has_error()) continue;
        asked.insert(address);
        for (const auto& table : *held)
            held_by[{table.id, address}] = table.bytes;
    }
    const auto known = catalog_.tables().nodes();
    for (const auto& table : catalog_.tables().list()) {
        const auto placement = catalog_.tables().placement(table->id);
        if (placement == nullptr) continue;  // dropped meanwhile
        auto& sum = bytes[table->id].emplace(0);
        for (const auto id : nodes_of(*placement)) {
            const auto node = known->find(id);
            if (node == known->end() || !asked.contains(node->second.address)) {
                bytes[table->id].reset();
                break;
            }
            if (const auto found = held_by.find({table->id, node->second.address}); found != held_by.end())
                sum += found->second;
        }
    }
    co_return bytes;
}

}  // namespace dl::master
