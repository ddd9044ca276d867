// gcc 12 with AddressSanitizer: false warning inside Asio's use_future.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include "common/async/run_on.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <thread>

#include "common/async/async_event.h"
#include "common/base/error.h"

namespace dl {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

class Loop : public ::testing::Test {
  protected:
    Loop() : thread_([this] { context_.run(); }) {}
    ~Loop() override {
        guard_.reset();
        thread_.join();
    }
    template <class Make>
    auto run(Make make) {
        return asio::co_spawn(context_, std::move(make), asio::use_future).get();
    }
    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> guard_{context_.get_executor()};
    std::thread thread_;
    WorkerPool pool_{"test", 2};
};

struct NoDefault {
    explicit NoDefault(int v) : value(std::make_unique<int>(v)) {}
    std::unique_ptr<int> value;
};

TEST_F(Loop, GivesTheValueBackOnTheCoroutinesThread) {
    const auto value = run([&]() -> asio::awaitable<int> {
        const auto before = std::this_thread::get_id();
        const auto worker = co_await run_on(pool_, [] { return std::this_thread::get_id(); });
        EXPECT_NE(worker, before);
        EXPECT_EQ(std::this_thread::get_id(), before);
        co_return 7;
    });
    EXPECT_EQ(value, 7);
}

TEST_F(Loop, TakesResultsWithoutDefaultConstructorMoveOnlyWorkAndNothing) {
    run([&]() -> asio::awaitable<void> {
        auto good = co_await run_on(pool_, []() -> Result<NoDefault> { return NoDefault(3); });
        EXPECT_EQ(*good->value, 3);
        auto bad = co_await run_on(
            pool_, []() -> Result<NoDefault> { return make_error(ErrorCode::io_error, "x"); });
        EXPECT_EQ(bad.error().code, ErrorCode::io_error);
        auto nothing = co_await run_on(pool_, []() -> Result<void> { return {}; });
        EXPECT_TRUE(nothing.has_value());
        auto owned = std::make_unique<int>(5);
        auto work = [owned = std::move(owned)] { return std::make_unique<int>(*owned); };
        const auto five = co_await run_on(pool_, work);
        EXPECT_EQ(*five, 5);
        bool ran = false;
        co_await run_on(pool_, [&ran] { ran = true; });
        EXPECT_TRUE(ran);
    });
}

TEST_F(Loop, ManyAtOnceAllComplete) {
    std::atomic<int> done{0};
    std::vector<std::future<void>> all;
    for (int i = 0; i < 500; ++i)
        all.push_back(asio::co_spawn(
            context_,
            [&]() -> asio::awaitable<void> {
                for (int k = 0; k < 10; ++k)
                    done += co_await run_on(pool_, [] { return 1; });
            },
            asio::use_future));
    for (auto& one : all)
        one.get();
    EXPECT_EQ(done, 5000);
}

TEST_F(Loop, EventWakesItsWaiterFromAnyThreadAndKnowsItsDeadline) {
    run([&]() -> asio::awaitable<void> {
        AsyncEvent never;
        EXPECT_FALSE(co_await never.wait(std::chrono::steady_clock::now() + 5ms));
        never.set();
        EXPECT_TRUE(co_await never.wait(std::chrono::steady_clock::now()));
        for (int i = 0; i < 500; ++i) {
            auto event = std::make_shared<AsyncEvent>();
            pool_.post([event] { event->set(); });
            EXPECT_TRUE(co_await event->wait(std::chrono::steady_clock::now() + 10s));
        }
    });
}

}  // namespace
}  // namespace dl
