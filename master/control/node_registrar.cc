#include "master/control/node_registrar.h"

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
#include "common/rpc/messages/table_messages.h"

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
    auto slave = slaves_.client(address);
    if (slave.has_error()) co_return std::move(slave).error();
    auto reply = co_await (*slave)->call(rpc::Method::ping, rpc::encode(rpc::PingRequest{}), {}, deadline);
    if (reply.has_error()) co_return std::move(reply).error();
    auto ping = rpc::decode_reply<rpc::PingReply>(reply->end_json);
    if (ping.has_error()) co_return std::move(ping).error();
    {
        std::lock_guard lock(mutex_);
        const auto found = present_.find(address);
        if (found != present_.end() && found->second.id == ping->node_id &&
            found->second.incarnation == ping->incarnation)
            co_return Registered{found->second, ping->version, false};
    }
    if (ping->node_id != NodeId{}) {
        auto only = refuse_copies(address, ping->node_id);
        if (only.has_error()) co_return std::move(only).error();
    }
    auto record = [this, &address, &ping] {
        return catalog_.register_node(address, ping->node_id, ping->incarnation);
    };
    auto node = co_await run_on(work_, record);
    if (node.has_error()) co_return std::move(node).error();
    if (ping->node_id == NodeId{}) {
        auto told = co_await (*slave)->call(rpc::Method::register_node,
                                            rpc::encode(rpc::RegisterNodeRequest{node->id}), {}, deadline);
        if (told.has_error()) co_return std::move(told).error();
    }
    log_info(kComponent, "registered",
             {{"slave", address}, {"node", node->id.value}, {"version", ping->version}});
    std::lock_guard lock(mutex_);
    present_[address] = *node;
    co_return Registered{std::move(*node), ping->version, true};
}

asio::awaitable<void> NodeRegistrar::greet_unknown(rpc::Deadline deadline) {
    for (;;) {
        std::vector<Task> tasks;
        std::atomic<std::size_t> away = 0;
        for (const auto& address : slaves_.nodes()) {
            {
                std::lock_guard lock(mutex_);
                if (present_.contains(address)) continue;
            }
            tasks.emplace_back([this, address, deadline, &away]() -> asio::awaitable<void> {
                const auto greeted = co_await greet(address, deadline);
                if (greeted.has_error() && greeted.error().code == ErrorCode::unavailable) ++away;
            });
        }
        if (!tasks.empty()) co_await run_all(std::move(tasks));
        if (away == 0 || std::chrono::steady_clock::now() + kGreetPause >= deadline) co_return;
        asio::steady_timer timer(co_await asio::this_coro::executor, kGreetPause);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

void NodeRegistrar::lost(const std::string& address) {
    std::lock_guard lock(mutex_);
    present_.erase(address);
}

}  // namespace dl::master
