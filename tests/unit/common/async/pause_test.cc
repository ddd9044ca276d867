#include "common/async/pause.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>

namespace dl {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

class PauseTest : public ::testing::Test {
  protected:
    // What two pauses, one behind the other, tell; cancelled after `cancel_after`.
    void run(milliseconds length, Clock::time_point until, std::optional<milliseconds> cancel_after = {}) {
        asio::io_context context;
        asio::cancellation_signal signal;
        asio::steady_timer timer(context);
        if (cancel_after) {
            timer.expires_after(*cancel_after);
            timer.async_wait([&](auto) { signal.emit(asio::cancellation_type::terminal); });
        }
        const auto begin = Clock::now();
        asio::co_spawn(
            context,
            [&]() -> asio::awaitable<void> {
                first_ = co_await pause_before(until, length);
                second_ = co_await pause_before(until, length);
            },
            asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr thrown) {
                thrown_ = thrown != nullptr;
                took_ = Clock::now() - begin;
            }));
        context.run();
    }
    bool first_ = false, second_ = false, thrown_ = true;
    Clock::duration took_{};
};

TEST_F(PauseTest, LastsAsLongAsThereIsTime) {
    run(milliseconds(20), Clock::now() + seconds(30));
    EXPECT_TRUE(first_);
    EXPECT_TRUE(second_);
    EXPECT_FALSE(thrown_);
    EXPECT_GE(took_, milliseconds(40));
}

TEST_F(PauseTest, DoesNotBeginWhenTheTimeWouldBeOver) {
    run(seconds(20), Clock::now() + seconds(10));
    EXPECT_FALSE(first_);
    EXPECT_FALSE(thrown_);
    EXPECT_LT(took_, seconds(5));
}

TEST_F(PauseTest, EndsWithItsCaller) {
    run(seconds(20), Clock::now() + seconds(60), milliseconds(20));
    EXPECT_FALSE(first_);
    EXPECT_FALSE(second_) << "nor does another one begin";
    EXPECT_FALSE(thrown_);
    EXPECT_LT(took_, seconds(5));
}

}  // namespace
}  // namespace dl
