#include "master/control/refill_orders.h"

#include <gmock/gmock.h>

namespace dl::master {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

const NodeId kA{1}, kB{2}, kC{3};

NodeView view(NodeId id, const std::string& address, NodeView::State state = NodeView::State::live) {
    NodeView one;
    one.id = id;
    one.address = address;
    one.state = state;
    return one;
}

TableMeta table() {
    TableMeta meta;
    meta.id = TableId{7};
    meta.name = "t";
    return meta;
}

// Led by a; b and c follow.
PartitionPlacement three_copies(std::uint32_t min_in_sync) {
    PartitionPlacement placed;
    placed.leader = placed.last_leader = kA;
    placed.replicas = placed.in_sync = {kA, kB, kC};
    placed.min_in_sync = min_in_sync;
    return placed;
}

class RefillOrdersTest : public ::testing::Test {
  protected:
    std::string begin(const PartitionPlacement& placed, const NodeView& slave,
                      const UnsoundCopies& unsound = {}) {
        const auto refused = orders_.begin(table(), partition_, placed, slave, unsound, now_);
        return refused ? refused->to_text() : "";
    }
    const NodeView a_ = view(kA, "a:1"), b_ = view(kB, "b:1"), c_ = view(kC, "c:1");
    PartitionId partition_{0};
    RefillOrders::Time now_{};
    RefillOrders orders_;
};

TEST_F(RefillOrdersTest, ASecondOrderIsRefusedBeforeTheFirstShowsInTheSets) {
    const auto placed = three_copies(2);
    EXPECT_EQ(begin(placed, b_), "");
    const auto refused = begin(placed, c_);
    EXPECT_THAT(refused, HasSubstr("INVALID_REQUEST: nothing was changed"));
    EXPECT_THAT(refused, HasSubstr("slave b:1 is just being made anew"));
    EXPECT_EQ(begin(placed, b_), "") << "the same order again, since its answer was lost";
    partition_ = PartitionId{1};
    EXPECT_EQ(begin(placed, c_), "") << "another partition";
    partition_ = PartitionId{0};
    // The copy is out of the set, and has come back.
    orders_.end(TableId{7}, partition_, kB);
    EXPECT_EQ(begin(placed, c_), "");
}

TEST_F(RefillOrdersTest, AnOrderThatNobodyHeardOfIsForgotten) {
    const auto placed = three_copies(2);
    EXPECT_EQ(begin(placed, b_), "");
    now_ += RefillOrders::kHeardWithin - seconds(1);
    EXPECT_NE(begin(placed, c_), "");
    now_ += seconds(1);
    EXPECT_EQ(begin(placed, c_), "");
}

TEST_F(RefillOrdersTest, TheLeaderAloneIsEnoughWhereWritesNeedOne) {
    const auto placed = three_copies(1);
    EXPECT_EQ(begin(placed, b_), "");
    EXPECT_EQ(begin(placed, c_), "");
    EXPECT_THAT(begin(placed, a_), HasSubstr("leads partition 0"));
    // It has been told to give its copy up, and then it was made the leader.
    auto changed = placed;
    changed.leader = kB;
    EXPECT_THAT(begin(changed, a_), HasSubstr("no leader to copy from now"));
}

TEST_F(RefillOrdersTest, CopiesThatCannotBeCountedOnAreNotCounted) {
    auto placed = three_copies(2);
    rpc::CopyTrouble trouble;
    trouble.replica = {TableId{7}, 0, PartitionId{0}};
    trouble.error = "CORRUPT_DATA: rotten";
    CopyProgress progress;
    progress.add(kC, {{}, {trouble}});
    const auto damaged = unsound_copies(table(), partition_, placed, {a_, b_, c_}, progress);
    EXPECT_THAT(begin(placed, b_, damaged), HasSubstr("c:1 says of its copy: CORRUPT_DATA: rotten"));
    EXPECT_EQ(begin(placed, c_, damaged), "") << "that one may go";
    const auto killed = unsound_copies(table(), PartitionId{1}, placed,
                                       {a_, b_, view(kC, "c:1", NodeView::State::dead)}, progress);
    partition_ = PartitionId{1};
    EXPECT_THAT(begin(placed, b_, killed), HasSubstr("c:1 does not answer"));
    const auto headless = unsound_copies(table(), partition_, placed,
                                         {view(kA, "a:1", NodeView::State::dead), b_, c_}, progress);
    EXPECT_THAT(begin(placed, b_, headless), HasSubstr("no leader to copy from now"));
    // Out of sync already: nothing is taken away that counts.
    placed.in_sync = {kA, kC};
    EXPECT_EQ(begin(placed, b_, killed), "");
    placed.eligible = {kB};
    EXPECT_THAT(begin(placed, b_), HasSubstr("may be needed yet"));
}

}  // namespace
}  // namespace dl::master
