// Which copies may be removed, and who leads by order.
#include <gtest/gtest.h>

#include "master/control/replica_planner.h"

namespace dl::master {
namespace {

constexpr NodeId kA{1}, kB{2}, kC{3}, kD{4};

// B and C hold it, D is to lose it; A is somebody else.
PartitionPlacement losing_d() {
    PartitionPlacement placement;
    placement.leader = placement.last_leader = kB;
    placement.in_sync = placement.replicas = {kB, kC};
    placement.removing = {kD};
    placement.min_in_sync = 1;
    placement.version = 7;
    return placement;
}

TEST(CopyRemoval, GivesThePlacementWithoutIt) {
    const auto found = removals(losing_d());
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].node, kD);
    auto expected = losing_d();
    expected.removing = {};
    EXPECT_EQ(found[0].next, expected);
    EXPECT_TRUE(check_placement_change(losing_d(), found[0].next).has_value());
}

TEST(CopyRemoval, WaitsUntilTheOthersHaveIt) {
    auto adding = losing_d();
    adding.replicas.push_back(kA);
    adding.adding = {kA};
    EXPECT_TRUE(removals(adding).empty()) << "the one in its place has not joined";
    auto headless = losing_d();
    headless.leader = NodeId{};
    EXPECT_TRUE(removals(headless).empty());
    auto few = losing_d();
    few.in_sync = {kB};
    few.min_in_sync = 2;
    EXPECT_TRUE(removals(few).empty()) << "it may be needed";
    auto in_sync = losing_d();
    in_sync.in_sync.push_back(kD);
    EXPECT_TRUE(removals(in_sync).empty()) << "it still counts";
    auto eligible = losing_d();
    eligible.min_in_sync = 2;
    eligible.eligible = {kD};
    EXPECT_TRUE(removals(eligible).empty());
}

}  // namespace
}  // namespace dl::master
