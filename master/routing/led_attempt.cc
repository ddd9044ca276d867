#include "master/routing/led_attempt.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

namespace dl::master {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kLook{100};

}  // namespace

bool still_led(const RouteTable& routes, const std::vector<LedPartition>& partitions) {
    return std::all_of(partitions.begin(), partitions.end(), [&](const LedPartition& led) {
        const auto placement = routes.catalog().placement(led.table);
        if (placement == nullptr || led.partition.value >= placement->partitions.size()) return false;
        const auto& placed = placement->partitions[led.partition.value];
        if (placed.leader_epoch != led.epoch || placed.leader == NodeId{}) return false;
        return led.any ? is_in_sync(placed, led.node) : placed.leader == led.node;
    });
}

asio::awaitable<bool> run_while_led(const RouteTable& routes, std::vector<LedPartition> partitions,
                                    Task attempt) {
    if (partitions.empty()) {
        co_await attempt();
        co_return false;
    }
    bool done = false;
    bool moved = false;
    std::vector<RaceTask> races;
    races.emplace_back([&]() -> asio::awaitable<bool> {
        co_await attempt();
        done = true;
        co_return true;
    });
    races.emplace_back([&]() -> asio::awaitable<bool> {
        asio::steady_timer timer(co_await asio::this_coro::executor);
        while (!done) {
            timer.expires_after(kLook);
            const auto [failed] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
            if (failed) co_return false;
            if (done || still_led(routes, partitions)) continue;
            moved = true;
            co_return true;
        }
        co_return false;
    });
    co_await run_until_first(std::move(races));
    co_return moved;
}

}  // namespace dl::master
