#include "master/control/cluster_health.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace dl::master {
namespace {

constexpr NodeId kA{1}, kB{2};

class ClusterHealthTest : public ::testing::Test {
  protected:
    void put(std::vector<PartitionPlacement> partitions, std::uint32_t copies = 2) {
        auto meta = std::make_shared<CatalogTable>();
        meta->id = TableId{1};
        meta->name = "t";
        meta->copies = copies;
        catalog_.put(meta);
        auto placement = std::make_shared<TablePlacement>();
        placement->table = meta->id;
        placement->partitions = std::move(partitions);
        catalog_.put_placement(placement);
    }
    static PartitionPlacement both() {
        auto placed = placed_on(kA);
        placed.in_sync = placed.replicas = {kA, kB};
        return placed;
    }
    std::vector<HealthLine> health(NodeView::State b = NodeView::State::live) const {
        return cluster_health(catalog_,
                              {{kA, "a:1", NodeView::State::live, {}, true}, {kB, "b:1", b, {}, true}});
    }
    CatalogCache catalog_;
};

TEST_F(ClusterHealthTest, SaysThatAllIsWell) {
    put({both(), both()});
    const auto lines = health();
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[0].state, "well");
    EXPECT_EQ(lines[0].detail, "all partitions are served, with all their copies");
    EXPECT_EQ(lines[1].detail, "leads 2 partitions, holds 2 copies");
}

TEST_F(ClusterHealthTest, NamesWhatIsWrongAndWhatToDo) {
    auto headless = both();
    headless.leader = NodeId{};
    headless.in_sync = {};
    headless.eligible = {kB};
    auto lonely = both();
    lonely.in_sync = {kA};
    auto stuck = lonely;
    stuck.min_in_sync = 2;
    put({lonely, headless, stuck});
    const auto lines = health(NodeView::State::dead);
    ASSERT_EQ(lines.size(), 6u);
    EXPECT_EQ(lines[0].state, "impaired");
    EXPECT_EQ(lines[0].detail,
              "1 of 3 partitions have no leader; 1 partition takes no rows for want of copies in sync; 1 "
              "partition has copies that are not in sync; 1 slave is away");
    EXPECT_EQ(lines[2].state, "away");
    EXPECT_EQ(lines[3].name, "t/1") << "those without a leader first";
    EXPECT_EQ(lines[3].state, "no leader");
    EXPECT_NE(lines[3].detail.find("b:1"), std::string::npos) << lines[3].detail;
    EXPECT_EQ(lines[4].name, "t/0");
    EXPECT_EQ(lines[5].state, "not writable");
}

TEST_F(ClusterHealthTest, TheOnlyCopyIsMissedWhenItsSlaveIs) {
    put({placed_on(kA), placed_on(kB), placed_on(NodeId{7})}, 1);
    const auto lines = health(NodeView::State::dead);
    EXPECT_EQ(lines[0].state, "impaired");
    EXPECT_EQ(lines[0].detail, "2 of 3 partitions are not served; 1 slave is away");
    ASSERT_EQ(lines.size(), 5u);
    EXPECT_EQ(lines[3].name, "t/1");
    EXPECT_EQ(lines[3].state, "not served");
    EXPECT_NE(lines[3].detail.find("its slave b:1 is away; start it"), std::string::npos) << lines[3].detail;
    EXPECT_EQ(lines[4].name, "t/2");
    EXPECT_NE(lines[4].detail.find("number 7, whose place another has taken"), std::string::npos)
        << "started on an empty directory it is another node: " << lines[4].detail;
}

TEST_F(ClusterHealthTest, SlavesThatAreThereAreNotToBeStarted) {
    auto stuck = both();
    stuck.in_sync = {kA};
    stuck.min_in_sync = 2;
    put({stuck});
    EXPECT_EQ(health()[3].state, "not writable");
    EXPECT_EQ(health()[3].detail.find("start"), std::string::npos) << health()[3].detail;
    EXPECT_NE(health()[3].detail.find("b:1 answers and has yet to catch up"), std::string::npos);
    EXPECT_NE(health(NodeView::State::dead)[3].detail.find("start b:1"), std::string::npos);
}

TEST_F(ClusterHealthTest, ListsNoMoreThanPeopleRead) {
    auto lonely = both();
    lonely.in_sync = {kA};
    put(std::vector<PartitionPlacement>(5000, lonely));
    EXPECT_EQ(health().size(), 3 + kPartitionsListed);
    EXPECT_EQ(health()[0].detail, "5000 partitions have copies that are not in sync");
}

TEST_F(ClusterHealthTest, SaysWhatASlaveSaysOfItsCopy) {
    auto weak = both();
    weak.in_sync = {kA};
    put({weak, placed_on(kB)});
    CopyProgress progress;
    rpc::CopyProgressReply said;
    said.troubles.push_back({{TableId{1}, 0, PartitionId{0}}, 0, 0, 0, "CORRUPT_DATA: a file"});
    said.troubles.push_back({{TableId{1}, 0, PartitionId{1}}, 0, 0, 0, "IO_ERROR: a disk"});
    progress.add(kB, said);
    const auto lines = cluster_health(
        catalog_,
        {{kA, "a:1", NodeView::State::live, {}, true}, {kB, "b:1", NodeView::State::live, {}, true}},
        progress);
    ASSERT_EQ(lines.size(), 5u);
    EXPECT_EQ(lines[0].state, "impaired");
    EXPECT_EQ(lines[3].name, "t/1");
    EXPECT_NE(lines[3].detail.find("slave b:1, which leads it, says: IO_ERROR: a disk"), std::string::npos)
        << lines[3].detail;
    EXPECT_NE(lines[4].detail.find("b:1 does not come forward: CORRUPT_DATA: a file"), std::string::npos)
        << lines[4].detail;
}

TEST_F(ClusterHealthTest, NamesConfiguredSlavesThatWereNeverHeardOf) {
    put({both()});
    const std::vector<NodeView> nodes{{kA, "a:1", NodeView::State::live, {}, true},
                                      {kB, "b:1", NodeView::State::dead, {}, true}};
    const auto lines = cluster_health(
        catalog_, nodes, {},
        {{"a:1", "b:1", "c:1", "d:1"}, {{"b:1", "it refuses"}, {"d:1", "of another cluster"}}});
    ASSERT_EQ(lines.size(), 5u);
    EXPECT_EQ(lines[0].state, "weakened");
    EXPECT_EQ(lines[0].detail, "1 slave is away; 2 slaves of slave.nodes have not been heard of");
    EXPECT_EQ(lines[2].detail, "leads 0 partitions, holds 1 copy; it refuses");
    EXPECT_EQ(lines[3].name, "c:1");
    EXPECT_EQ(lines[3].state, "not heard yet");
    EXPECT_EQ(lines[3].detail, "it has not answered yet");
    EXPECT_EQ(lines[4].detail, "of another cluster");
}

TEST_F(ClusterHealthTest, LeavesOutWhoWasTakenOutAndHoldsNothing) {
    put({placed_on(kA)}, 1);
    const std::vector<NodeView> nodes{{kA, "a:1", NodeView::State::live, {}, true},
                                      {kB, "b:1", NodeView::State::dead, {}, true}};
    auto lines = cluster_health(catalog_, nodes, {}, {{"a:1"}, {}});
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[0].state, "well");
    put({placed_on(kB)}, 1);
    lines = cluster_health(catalog_, nodes, {}, {{"a:1"}, {}});
    ASSERT_EQ(lines.size(), 4u) << "what it holds is missed";
    EXPECT_EQ(lines[2].state, "away");
}

}  // namespace
}  // namespace dl::master
