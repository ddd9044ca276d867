#include "master/control/node_registrar.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>
#include <vector>

#include "common/async/run_all.h"
#include "common/async/run_on.h"
#include "common/base/log.h"
#include "common/rpc/messages/node_messages.h"
#include "master/catalog/catalog_format.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kComponent = "master.nodes";
constexpr std::chrono::milliseconds kGreetPause{50};

}  // namespace

Result<void> NodeRegistrar::refuse_copies(const std::string& address, NodeId node) const {
    std::lock_guard lock(mutex_);
    for (const auto& [other, known] : present_)
        if (other != address && known.id == node)
            return make_error(
                ErrorCode::unavailable,
                "the slaves " + other + " and " + address +
                    " run on copies of one data directory; stop the wrong one, which has none of the "
                    "rows written since the copy was made");
    return {};
}

asio::awaitable<Result<NodeRegistrar::Registered>> NodeRegistrar::greet(std::string address,
                                                                        rpc::Deadline deadline) {
    bool answered = false;
    co_return co_await greet(std::move(address), deadline, answered);
}

asio::awaitable<Result<NodeRegistrar::Registered>> NodeRegistrar::greet(std::string address,
                                                                        rpc::Deadline deadline,
                                                                        bool& answered) {
    auto slave = slaves_.client(address);
    if (slave.has_error()) co_return std::move(slave).error();
    DL_CO_TRY_ASSIGN(auto reply, co_await (*slave)->call(rpc::Method::ping, rpc::encode(rpc::PingRequest{}),
                                                         {}, deadline));
    auto ping = rpc::decode_reply<rpc::PingReply>(reply.end_json);
    if (ping.has_error()) co_return std::move(ping).error();
    answered = true;
    {
        std::lock_guard lock(mutex_);
        const auto found = present_.find(address);
        if (found != present_.end() && found->second.id == ping->node_id &&
            found->second.incarnation == ping->incarnation && ping->cluster_id == catalog_.cluster_id()) {
            unusable_.erase(address);
            co_return Registered{found->second, ping->version, false};
        }
    }
    const bool ours = ping->cluster_id == catalog_.cluster_id();
    if (!ours && !ping->cluster_id.empty() && !take_over_)
        co_return make_error(
            ErrorCode::unavailable,
            "slave " + address + " belongs to cluster " + ping->cluster_id + ", this master to cluster " +
                catalog_.cluster_id() +
                "; start the master on the catalog of that cluster (master.data.path), or the slave "
                "on another directory (slave.data), or take the slave over with master "
                "--begin-anew");
    const auto known = ours ? ping->node_id : NodeId{};
    // With another incarnation than the catalog's it is no copy: register_node() says so.
    const auto nodes = catalog_.tables().nodes();
    const auto registered = nodes->find(known);
    if (known != NodeId{} && registered != nodes->end() &&
        registered->second.incarnation == ping->incarnation) {
        auto only = refuse_copies(address, known);
        if (only.has_error()) co_return std::move(only).error();
    }
    rpc::RegisterNodeRequest registration;
    if (!ours && ping->tables > 0) {
        auto incarnations = co_await adopted(address, deadline);
        if (incarnations.has_error()) co_return incarnations.error().in("slave " + address);
        for (const auto& [table, incarnation] : *incarnations)
            registration.tables.push_back({table, incarnation});
    }
    auto record = [this, &address, &ping, known]() -> Result<Node> {
        DL_TRY(catalog_.skip_table_ids(ping->highest_table));
        return catalog_.register_node(address, known, ping->incarnation);
    };
    auto node = co_await run_on(work_, record);
    if (node.has_error()) co_return std::move(node).error();
    if (known == NodeId{}) {
        registration.node = node->id;
        registration.cluster_id = catalog_.cluster_id();
        registration.take_over = take_over_;
        DL_CO_TRY(
            co_await (*slave)->call(rpc::Method::register_node, rpc::encode(registration), {}, deadline));
    }
    log_info(kComponent, "registered",
             {{"slave", address}, {"node", node->id.value}, {"version", ping->version}});
    std::lock_guard lock(mutex_);
    unusable_.erase(address);
    present_[address] = *node;
    co_return Registered{std::move(*node), ping->version, true};
}

asio::awaitable<Result<std::vector<HeldTable>>> NodeRegistrar::inventory(std::string address,
                                                                         rpc::Deadline deadline) {
    auto slave = slaves_.client(address);
    if (slave.has_error()) co_return std::move(slave).error();
    DL_CO_TRY_ASSIGN(auto reply, co_await (*slave)->call(rpc::Method::inventory,
                                                         rpc::encode(rpc::InventoryRequest{}), {}, deadline));
    std::vector<HeldTable> held;
    for (const auto& frame : reply.data) {
        DL_CO_TRY_ASSIGN(auto part, rpc::decode_reply<rpc::InventoryPart>(frame.view()));
        for (auto& table : part.tables)
            held.push_back({table.id, table.incarnation, std::move(table.name), std::move(table.key),
                            table.hash_seed, table.partitions, table.records, table.bytes});
    }
    co_return held;
}

// The incarnations that the tables of a slave without a cluster, or of another one, get.
asio::awaitable<Result<std::map<TableId, std::uint64_t>>> NodeRegistrar::adopted(std::string address,
                                                                                 rpc::Deadline deadline) {
    auto held = co_await inventory(address, deadline);
    if (held.has_error()) co_return std::move(held).error();
    auto decide = [this, &held]() -> Result<std::map<TableId, std::uint64_t>> {
        DL_TRY_ASSIGN(const auto drops, catalog_.pending_drops());
        std::set<TableId> dropped;
        for (const auto& drop : drops)
            dropped.insert(drop.table);
        auto fitting = adopt_tables(*held, catalog_.tables().list(), dropped);
        if (fitting.has_value() || !take_over_) return fitting;
        // Orphans of an older release get incarnations, so that they can be named.
        std::map<TableId, std::uint64_t> named;
        for (const auto& table : *held)
            if (table.incarnation == 0) named[table.id] = new_incarnation();
        return named;
    };
    co_return co_await run_on(work_, decide);
}

asio::awaitable<void> NodeRegistrar::greet_unknown(rpc::Deadline deadline, rpc::Deadline one_is_enough) {
    using std::chrono::steady_clock;
    for (;;) {
        bool any = false;
        std::vector<std::string> unknown;
        {
            std::lock_guard lock(mutex_);
            any = !present_.empty();
            for (const auto& address : slaves_.nodes())
                if (!present_.contains(address)) unknown.push_back(address);
        }
        const auto until = any ? std::min(deadline, one_is_enough) : deadline;
        std::vector<Task> tasks;
        std::atomic<std::size_t> away = 0;
        for (const auto& address : unknown)
            tasks.emplace_back([this, address, until, &away]() -> asio::awaitable<void> {
                // One that answers and is refused is not waited for.
                bool answered = false;
                const auto greeted = co_await greet(address, until, answered);
                if (greeted.has_error() && greeted.error().code == ErrorCode::unavailable && !answered)
                    ++away;
            });
        if (!tasks.empty()) co_await run_all(std::move(tasks));
        if (away == 0 || steady_clock::now() + kGreetPause >= until) co_return;
        asio::steady_timer timer(co_await asio::this_coro::executor, kGreetPause);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

bool NodeRegistrar::is_present(const std::string& address) const {
    std::lock_guard lock(mutex_);
    return present_.contains(address);
}

void NodeRegistrar::lost(const std::string& address, std::string why) {
    std::lock_guard lock(mutex_);
    present_.erase(address);
    unusable_[address] = std::move(why);
}

std::map<std::string, std::string> NodeRegistrar::unusable() const {
    std::lock_guard lock(mutex_);
    return unusable_;
}

}  // namespace dl::master
