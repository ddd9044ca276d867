// What the slaves hold: orphans, and how large tables are.
#include <algorithm>
#include <utility>

#include "common/async/run_all.h"
#include "common/async/run_on.h"
#include "common/base/log.h"
#include "common/rpc/messages/table_messages.h"
#include "master/control/table_manager.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kComponent = "master.tables";
constexpr auto kInventoryPatience = std::chrono::seconds(3);

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

asio::awaitable<std::map<TableId, TableManager::HeldBytes>> TableManager::bytes_held(rpc::Deadline deadline) {
    const auto until = std::min(deadline, std::chrono::steady_clock::now() + kInventoryPatience);
    const auto addresses = routes_.slaves().nodes();
    std::vector<std::optional<std::vector<HeldTable>>> answers(addresses.size());
    std::vector<Task> tasks;
    for (std::size_t i = 0; i < addresses.size(); ++i)
        tasks.emplace_back(
            [this, address = addresses[i], until, answer = &answers[i]]() -> asio::awaitable<void> {
                auto held = co_await nodes_.inventory(address, until);
                if (held.has_value()) *answer = std::move(*held);
            });
    co_await run_all(std::move(tasks));
    std::map<std::pair<TableId, std::string>, std::uint64_t> held_by;
    std::set<std::string> there;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        if (!answers[i]) continue;
        there.insert(addresses[i]);
        for (const auto& table : *answers[i])
            held_by[{table.id, addresses[i]}] = table.bytes;
    }
    const auto known = catalog_.tables().nodes();
    const auto address_of = [&](NodeId id) {
        const auto node = known->find(id);
        const bool is_there = node != known->end() && there.contains(node->second.address);
        return is_there ? std::optional(node->second.address) : std::nullopt;
    };
    std::map<TableId, HeldBytes> all;
    for (const auto& table : catalog_.tables().list()) {
        const auto placement = catalog_.tables().placement(table->id);
        if (placement == nullptr) continue;  // dropped meanwhile
        auto& held = all[table->id];
        held.is_led = std::all_of(placement->partitions.begin(), placement->partitions.end(),
                                  [&](const auto& partition) { return address_of(partition.leader); });
        std::uint64_t sum = 0;
        bool complete = true;
        for (const auto id : nodes_of(*placement)) {
            const auto address = address_of(id);
            complete = complete && address;
            if (!address) continue;
            const auto found = held_by.find({table->id, *address});
            if (found != held_by.end()) sum += found->second;
        }
        if (complete) held.bytes = sum;
    }
    co_return all;
}

}  // namespace dl::master
