#include "common/meta/placement.h"

#include <gtest/gtest.h>

namespace dl {
namespace {

constexpr NodeId kA{1}, kB{2}, kC{3};

PartitionPlacement three_copies() {
    PartitionPlacement placement = placed_on(kA);
    placement.replicas = {kA, kB, kC};
    placement.in_sync = {kA, kB};
    placement.min_in_sync = 2;
    return placement;
}

TEST(Placement, OneCopyIsLedByItsNode) {
    const auto placement = placed_on(kB);
    EXPECT_TRUE(check_placement(placement).has_value());
    EXPECT_EQ(placement.leader, kB);
    EXPECT_EQ(placement.in_sync, placement.replicas);
    EXPECT_EQ(nodes_of(placement), std::vector{kB});
}

TEST(Placement, NodesAreAllThatMayHoldACopy) {
    TablePlacement table;
    table.partitions = {placed_on(kC), placed_on(kA)};
    table.partitions[0].removing = {kB};
    table.partitions[1].leader_epoch = LeaderEpoch{9};
    EXPECT_EQ(nodes_of(table), (std::vector{kA, kB, kC}));
    EXPECT_EQ(epochs_on(table, kA), (LeaderEpochs{{PartitionId{1}, LeaderEpoch{9}}}));
    EXPECT_EQ(epochs_on(table, kB), (LeaderEpochs{{PartitionId{0}, LeaderEpoch{1}}}));
    EXPECT_TRUE(epochs_on(table, NodeId{7}).empty());
}

TEST(Placement, WhatCannotBeIsRefused) {
    EXPECT_TRUE(check_placement(three_copies()).has_value());
    const auto refused = [](auto change) {
        auto placement = three_copies();
        change(placement);
        return check_placement(placement).has_error();
    };
    EXPECT_TRUE(refused([](auto& p) { p.leader = kC; })) << "not in sync";
    EXPECT_TRUE(refused([](auto& p) { p.replicas = {}; }));
    EXPECT_TRUE(refused([](auto& p) { p.in_sync = {kA, kA}; }));
    EXPECT_TRUE(refused([](auto& p) { p.in_sync = {kA, NodeId{}}; }));
    EXPECT_TRUE(refused([](auto& p) { p.in_sync = {kA, NodeId{9}}; }));
    EXPECT_TRUE(refused([](auto& p) { p.eligible = {kA}; }));
    EXPECT_TRUE(refused([](auto& p) { p.min_in_sync = 4; }));
    EXPECT_TRUE(refused([](auto& p) { p.min_in_sync = 0; }));
    EXPECT_TRUE(refused([](auto& p) { p.leader_epoch = LeaderEpoch{}; }));
    EXPECT_TRUE(refused([](auto& p) { p.adding = {NodeId{9}}; }));
    EXPECT_TRUE(refused([](auto& p) { p.removing = {kA}; }));
    EXPECT_FALSE(refused([](auto& p) { p.leader = NodeId{}; })) << "nobody may lead";
    EXPECT_FALSE(refused([](auto& p) { p.adding = {kC}; }));
}

TEST(Placement, AnotherLeaderMeansAnotherEpoch) {
    const auto before = three_copies();
    auto after = before;
    after.leader = kB;
    EXPECT_TRUE(check_placement_change(before, after).has_error());
    after.leader_epoch = LeaderEpoch{2};
    EXPECT_TRUE(check_placement_change(before, after).has_value());
    EXPECT_TRUE(check_placement_change(after, before).has_error()) << "epochs never fall";
    auto leaderless = before;
    leaderless.leader = NodeId{};
    EXPECT_TRUE(check_placement_change(before, leaderless).has_value());
}

}  // namespace
}  // namespace dl
