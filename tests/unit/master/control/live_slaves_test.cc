#include "master/control/live_slaves.h"

#include <gtest/gtest.h>

#include <atomic>

#include "common/net/net_pool.h"
#include "tests/unit/common/net/run_coroutine.h"

namespace dl::master {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class SomeSlaves final : public CopyControl {
  public:
    NodeStates states() const override {
        NodeStates states;
        (++asked_ > 3 && comes_ ? states.live : states.dead).insert(NodeId{1});
        return states;
    }
    std::vector<NodeView> nodes() const override { return {}; }
    boost::asio::awaitable<void> announce(TableId, rpc::Deadline) override { co_return; }
    mutable std::atomic<int> asked_{0};
    bool comes_ = true;
};

TEST(LiveSlaves, TheFirstOneIsWaitedForAndNotForLongerThanAskedFor) {
    net::NetPool pool("net", 1);
    SomeSlaves slaves;
    const auto wait = [&](milliseconds time) {
        const auto began = steady_clock::now();
        dl::test::run(pool.executor_of(0), [&]() -> boost::asio::awaitable<bool> {
            co_await wait_for_a_live_slave(&slaves, began + time);
            co_return true;
        });
        return steady_clock::now() - began;
    };
    EXPECT_LT(wait(milliseconds(20'000)), milliseconds(15'000));
    EXPECT_GE(slaves.asked_, 4);
    slaves.comes_ = false;
    EXPECT_GE(wait(milliseconds(300)), milliseconds(200));
    pool.stop();
}

TEST(LiveSlaves, ThatNoneAnswersIsSaidWithTheirNumber) {
    NodeStates states;
    states.dead = {NodeId{1}, NodeId{2}};
    std::vector<NodeId> nodes = {NodeId{1}, NodeId{2}, NodeId{3}};
    ASSERT_TRUE(leave_out_dead(nodes, states).has_value());
    EXPECT_EQ(nodes, std::vector<NodeId>{NodeId{3}});
    nodes = {NodeId{1}, NodeId{2}};
    const auto error = leave_out_dead(nodes, states).error();
    EXPECT_EQ(error.code, ErrorCode::unavailable);
    EXPECT_NE(error.message.find("of the 2 slaves in slave.nodes none answers yet"), std::string::npos)
        << error.message;
}

}  // namespace
}  // namespace dl::master
