#include "common/net/byte_budget.h"

#include <gtest/gtest.h>

#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>

#include "tests/unit/common/net/run_coroutine.h"

namespace dl::net {
namespace {

namespace asio = boost::asio;
using test::in_ms;
using namespace std::chrono_literals;

TEST(ByteBudget, GrantsUpToItsTotalAndTakesBack) {
    ByteBudget budget(100);
    auto a = budget.try_acquire(60);
    EXPECT_EQ(a.bytes(), 60u);
    EXPECT_EQ(budget.try_acquire(60).bytes(), 0u);
    EXPECT_EQ(budget.in_use(), 60u);
    a.shrink_to(10);
    auto b = budget.try_acquire(90);
    EXPECT_EQ(budget.in_use(), 100u);
    a = std::move(b);
    EXPECT_EQ(budget.in_use(), 90u);
    a.release();
    a.release();
    EXPECT_EQ(budget.in_use(), 0u);
}

TEST(ByteBudget, LargerThanTheTotalPassesAlone) {
    NetPool pool("net", 1);
    ByteBudget budget(100);
    test::run(pool.executor(), [&]() -> asio::awaitable<void> {
        auto all = co_await budget.acquire(1000, in_ms(1000));
        EXPECT_EQ(all->bytes(), 100u);
        auto late = co_await budget.acquire(1, in_ms(10));
        EXPECT_EQ(late.error().code, ErrorCode::overloaded);
    });
    EXPECT_EQ(budget.in_use(), 0u);
}

// First come, first served: a large request is not starved by small ones, and when it gives up those behind
// it go on.
TEST(ByteBudget, WaitersAreServedInOrder) {
    NetPool pool("net", 1);
    ByteBudget budget(100);
    std::string order;
    test::run(pool.executor(), [&]() -> asio::awaitable<void> {
        const auto executor = co_await asio::this_coro::executor;
        auto held = co_await budget.acquire(50, in_ms(1000));
        const auto take = [&](std::size_t bytes, char name, int ms) {
            asio::co_spawn(
                executor,
                [&, bytes, name, ms]() -> asio::awaitable<void> {
                    auto share = co_await budget.acquire(bytes, in_ms(ms));
                    order += share.has_value() ? name : static_cast<char>(name - 'A' + 'a');
                },
                asio::detached);
        };
        take(90, 'A', 20);    // gives up
        take(10, 'B', 1000);  // waits behind A although it would fit
        asio::steady_timer timer(executor, 5ms);
        co_await timer.async_wait(asio::use_awaitable);
        EXPECT_EQ(order, "");
        timer.expires_after(100ms);
        co_await timer.async_wait(asio::use_awaitable);
        EXPECT_TRUE(order == "aB" || order == "Ba") << order;
    });
    EXPECT_EQ(budget.in_use(), 0u);
}

TEST(ByteBudget, CancelledWaitersLeaveTheQueue) {
    NetPool pool("net", 1);
    ByteBudget budget(10);
    test::run(pool.executor(), [&]() -> asio::awaitable<void> {
        using namespace asio::experimental::awaitable_operators;
        auto held = co_await budget.acquire(10, in_ms(1000));
        asio::steady_timer timer(co_await asio::this_coro::executor, 5ms);
        (void)co_await (budget.acquire(5, in_ms(10000)) || timer.async_wait(asio::use_awaitable));
        held->release();
        auto next = co_await budget.acquire(10, in_ms(100));
        EXPECT_TRUE(next.has_value());
    });
    EXPECT_EQ(budget.in_use(), 0u);
}

TEST(ByteBudget, ManyThreadsNeverExceedTheTotal) {
    NetPool pool("net", 2);
    ByteBudget budget(64);
    std::atomic<long> held{0}, worst{0};
    std::vector<std::future<void>> all;
    for (int i = 0; i < 64; ++i)
        all.push_back(asio::co_spawn(
            pool.executor(),
            [&, i]() -> asio::awaitable<void> {
                for (int k = 0; k < 50; ++k) {
                    const auto bytes = static_cast<std::size_t>(1 + (i * 7 + k) % 40);
                    auto share = co_await budget.acquire(bytes, in_ms(20000));
                    if (share.has_error()) throw std::runtime_error(share.error().message);
                    const auto now = held += static_cast<long>(bytes);
                    auto seen = worst.load();
                    while (seen < now && !worst.compare_exchange_weak(seen, now)) {
                    }
                    co_await asio::post(asio::use_awaitable);
                    held -= static_cast<long>(bytes);
                }
            },
            asio::use_future));
    for (auto& one : all)
        one.get();
    EXPECT_LE(worst, 64);
    EXPECT_EQ(budget.in_use(), 0u);
}

}  // namespace
}  // namespace dl::net
