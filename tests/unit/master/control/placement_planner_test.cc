#include "master/control/placement_planner.h"

#include <gtest/gtest.h>

namespace dl::master {
namespace {

constexpr NodeId kA{1}, kB{2}, kC{3};

std::map<NodeId, int> count(const std::vector<PartitionPlacement>& placements) {
    std::map<NodeId, int> led;
    for (const auto& placement : placements)
        ++led[placement.leader];
    return led;
}

TEST(PlacementPlanner, SpreadsEvenly) {
    const auto led = count(plan_placement({kA, kB, kC}, {}, 8).value());
    EXPECT_EQ(led.at(kA), 3);
    EXPECT_EQ(led.at(kB), 3);
    EXPECT_EQ(led.at(kC), 2);
}

TEST(PlacementPlanner, FillsUpWhoLeadsLeast) {
    const auto led = count(plan_placement({kA, kB, kC}, {{kA, 5}, {kB, 5}, {NodeId{9}, 0}}, 5).value());
    EXPECT_EQ(led.at(kC), 5);
    EXPECT_EQ(led.count(NodeId{9}), 0u);
}

TEST(PlacementPlanner, OneNodeTakesAllAndNoneIsAnError) {
    EXPECT_EQ(count(plan_placement({kA}, {}, 4096).value()).at(kA), 4096);
    EXPECT_EQ(plan_placement({}, {}, 1).error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace dl::master
