#include "master/control/placement_planner.h"

#include <gtest/gtest.h>

namespace dl::master {
namespace {

std::map<std::string, int> count(const std::vector<PartitionPlacement>& placements) {
    std::map<std::string, int> led;
    for (const auto& placement : placements)
        ++led[placement.leader];
    return led;
}

TEST(PlacementPlanner, SpreadsEvenly) {
    const auto led = count(plan_placement({"a", "b", "c"}, {}, 8).value());
    EXPECT_EQ(led.at("a"), 3);
    EXPECT_EQ(led.at("b"), 3);
    EXPECT_EQ(led.at("c"), 2);
}

TEST(PlacementPlanner, FillsUpWhoLeadsLeast) {
    const auto led = count(plan_placement({"a", "b", "c"}, {{"a", 5}, {"b", 5}, {"gone", 0}}, 5).value());
    EXPECT_EQ(led.at("c"), 5);
    EXPECT_EQ(led.count("gone"), 0u);
}

TEST(PlacementPlanner, OneNodeTakesAllAndNoneIsAnError) {
    EXPECT_EQ(count(plan_placement({"a"}, {}, 4096).value()).at("a"), 4096);
    EXPECT_EQ(plan_placement({}, {}, 1).error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace dl::master
