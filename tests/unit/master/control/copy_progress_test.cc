#include "master/control/copy_progress.h"

#include <gtest/gtest.h>

#include "master/control/cluster_health.h"

namespace dl::master {
namespace {

constexpr NodeId kA{1}, kB{2}, kC{3};
constexpr TableId kTable{1};

rpc::FollowerLag lag(NodeId follower, std::uint64_t records, std::uint64_t ms) {
    return {{kTable, 9, PartitionId{0}}, follower, records, ms, true};
}

TEST(CopyProgress, TellsRecordsAndSecondsOfALog) {
    CopyProgress progress;
    progress.add(kA, {{lag(kB, 1200, 3200), lag(kC, 0, 0)}, {}});
    EXPECT_EQ(progress.text_of(kTable, PartitionId{0}, kB), "lacks 1200 records, 3.2 s behind");
    EXPECT_EQ(progress.text_of(kTable, PartitionId{0}, kC), "has all records, and joins");
    EXPECT_EQ(progress.text_of(kTable, PartitionId{1}, kB), "");
    EXPECT_EQ(progress.files_text(), "");
}

TEST(CopyProgress, TellsPercentAndTimeOfFiles) {
    CopyProgress progress;
    rpc::CopyTrouble files{{kTable, 9, PartitionId{0}}, 400'000'000, 1'000'000'000, 80'000, ""};
    progress.add(kB, {{}, {files}});
    EXPECT_EQ(progress.text_of(kTable, PartitionId{0}, kB),
              "has 40 % of its leader's files (1.0 GB), about 2.0 min to go");
    EXPECT_EQ(progress.files_text(), "40 % of 1.0 GB copied, about 2.0 min to go");
}

TEST(CopyProgress, IsPartOfTheHealthOfTheCluster) {
    CatalogCache catalog;
    auto meta = std::make_shared<CatalogTable>();
    meta->id = kTable;
    meta->name = "t";
    meta->copies = 2;
    catalog.put(meta);
    auto placement = std::make_shared<TablePlacement>();
    placement->table = kTable;
    auto placed = placed_on(kA);
    placed.replicas = {kA, kB};
    placed.removing = {kC};
    placement->partitions = {placed};
    catalog.put_placement(placement);
    const std::vector<NodeView> nodes = {{kA, "a:1", NodeView::State::live, {}, true},
                                         {kB, "b:1", NodeView::State::live, {}, true},
                                         {kC, "c:1", NodeView::State::live, {}, true}};
    CopyProgress progress;
    rpc::CopyTrouble files{{kTable, 9, PartitionId{0}}, 400'000'000, 1'000'000'000, 80'000, ""};
    progress.add(kB, {{}, {files}});
    auto lines = cluster_health(catalog, nodes, progress);
    EXPECT_NE(lines[0].detail.find("catching up, 40 % of 1.0 GB copied, about 2.0 min to go"),
              std::string::npos)
        << lines[0].detail;
    EXPECT_NE(lines[3].detail.find("is to lose 1"), std::string::npos) << lines[3].detail;
    ASSERT_EQ(lines.size(), 5u);
    EXPECT_NE(lines[4].detail.find("b:1 has 40 %"), std::string::npos) << lines[4].detail;

    rpc::CopyTrouble stuck{{kTable, 9, PartitionId{0}}, 0, 0, 0, "CORRUPT_DATA: it has more"};
    CopyProgress other;
    other.add(kB, {{}, {stuck}});
    lines = cluster_health(catalog, nodes, other);
    EXPECT_NE(lines[4].detail.find("b:1 does not come forward: CORRUPT_DATA"), std::string::npos);
}

}  // namespace
}  // namespace dl::master
