#include "master/control/node_liveness.h"

#include <gtest/gtest.h>

namespace dl::master {
namespace {

using std::chrono::milliseconds;
using Answer = NodeLiveness::Answer;

constexpr NodeId kA{1}, kB{2};

class NodeLivenessTest : public ::testing::Test {
  protected:
    NodeLiveness::Time at(int ms) const { return start_ + milliseconds(ms); }
    const NodeLiveness::Time start_{std::chrono::hours(5)};
    NodeLiveness nodes_{LeaseTimes{milliseconds(300), milliseconds(2000), milliseconds(3000)}, start_};
};

TEST_F(NodeLivenessTest, NobodyIsDeadBeforeTheLeasesOfAnEarlierControllerAreOver) {
    EXPECT_FALSE(nodes_.is_dead(kA, at(2999)));
    EXPECT_FALSE(nodes_.is_live(kA, at(2999)));
    EXPECT_EQ(nodes_.next_change(at(0)), at(3000));
    EXPECT_TRUE(nodes_.is_dead(kA, at(3000)));
}

TEST_F(NodeLivenessTest, ARefusedConnectionIsDeathAtOnce) {
    nodes_.refused(kA);
    EXPECT_TRUE(nodes_.is_dead(kA, at(1)));
    EXPECT_EQ(nodes_.answered(kA, "p1", 1, false, at(2)), Answer::returned);
    EXPECT_TRUE(nodes_.is_live(kA, at(2)));
    nodes_.refused(kA);
    EXPECT_FALSE(nodes_.is_live(kA, at(3)));
    EXPECT_EQ(nodes_.lease_end(kA), std::nullopt);
}

TEST_F(NodeLivenessTest, ALeaseRunsFromTheReplyThatAHeartbeatNames) {
    EXPECT_EQ(nodes_.begin_heartbeat(kA).sequence, 0u);
    nodes_.answered(kA, "p1", 7, false, at(100));
    EXPECT_EQ(nodes_.lease_end(kA), std::nullopt) << "no heartbeat has named the reply";
    const auto named = nodes_.begin_heartbeat(kA);
    EXPECT_EQ(named.process, "p1");
    EXPECT_EQ(named.sequence, 7u);
    EXPECT_EQ(nodes_.lease_end(kA), at(2100));
    // It names the same reply as long as no other has come, and gives no more time.
    EXPECT_EQ(nodes_.begin_heartbeat(kA).sequence, 7u);
    EXPECT_EQ(nodes_.lease_end(kA), at(2100));
    EXPECT_TRUE(nodes_.is_live(kA, at(3099)));
    EXPECT_EQ(nodes_.next_change(at(200)), at(3000)) << "who was never heard of";
    EXPECT_EQ(nodes_.next_change(at(3050)), at(3100));
    EXPECT_TRUE(nodes_.is_dead(kA, at(3100)));
}

TEST_F(NodeLivenessTest, AnotherProcessHasNoLease) {
    nodes_.answered(kA, "p1", 7, false, at(100));
    nodes_.begin_heartbeat(kA);
    EXPECT_EQ(nodes_.answered(kA, "p1", 8, false, at(400)), Answer::known);
    EXPECT_EQ(nodes_.answered(kA, "p2", 1, false, at(700)), Answer::restarted);
    EXPECT_EQ(nodes_.lease_end(kA), std::nullopt);
    EXPECT_EQ(nodes_.begin_heartbeat(kA).process, "p2");
    EXPECT_EQ(nodes_.lease_end(kA), at(2700));
}

TEST_F(NodeLivenessTest, StatesAreOfTheNodesAskedFor) {
    nodes_.answered(kA, "p1", 1, true, at(100));
    const std::vector<NodeId> both = {kA, kB};
    EXPECT_EQ(nodes_.states(both, at(200)), (NodeStates{{kA}, {}, {kA}}));
    EXPECT_EQ(nodes_.states(both, at(3050)), (NodeStates{{kA}, {kB}, {kA}}));
    EXPECT_EQ(nodes_.states(both, at(3200)), (NodeStates{{}, {kA, kB}, {}}));
    // Back in the same process, after it was dead.
    EXPECT_EQ(nodes_.answered(kA, "p1", 2, false, at(3300)), Answer::returned);
    EXPECT_EQ(nodes_.states(both, at(3300)), (NodeStates{{kA}, {kB}, {}}));
}

}  // namespace
}  // namespace dl::master
