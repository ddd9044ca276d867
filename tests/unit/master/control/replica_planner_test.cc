#include "master/control/replica_planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace dl::master {
namespace {

constexpr NodeId kA{1}, kB{2}, kC{3}, kD{4};
using Nodes = std::vector<NodeId>;

PartitionPlacement placed(Nodes replicas, std::uint32_t min_in_sync = 1) {
    PartitionPlacement placement;
    placement.leader = placement.last_leader = replicas.front();
    placement.in_sync = placement.replicas = std::move(replicas);
    placement.min_in_sync = min_in_sync;
    return placement;
}

NodeStates live(std::set<NodeId> nodes, std::set<NodeId> dead = {}, std::set<NodeId> stopping = {}) {
    return {std::move(nodes), std::move(dead), std::move(stopping)};
}

rpc::ReplicaProposal proposal(const PartitionPlacement& placement, Nodes in_sync) {
    rpc::ReplicaProposal asked;
    asked.leader_epoch = placement.leader_epoch;
    asked.version = placement.version;
    asked.in_sync = std::move(in_sync);
    return asked;
}

TEST(ReplicaPlanner, WhoResignsGoesBehindAllOthersAndHasToCatchUp) {
    auto placement = placed({kA, kB, kC}, 2);
    auto asked = proposal(placement, {});
    asked.resigns = true;
    const auto next = after_proposal(placement, kA, asked, live({kA, kB, kC}));
    ASSERT_TRUE(next);
    EXPECT_EQ(next->leader, kB) << "not itself again, though it is the first";
    EXPECT_EQ(next->in_sync, (Nodes{kB, kC}));
    EXPECT_EQ(led_by_first(*next, live({kA, kB, kC})), std::nullopt);
    // Of two that were away the longer log is found step by step: nobody leaves the sets for good meanwhile.
    auto alone = placed({kA, kB, kC}, 2);
    alone.in_sync = {kA};
    alone.eligible = {kB, kC};
    const auto other = after_proposal(alone, kA, asked, live({kA, kB, kC}));
    ASSERT_TRUE(other);
    EXPECT_EQ(other->leader, kB);
    EXPECT_EQ(other->in_sync, Nodes{kB});
    EXPECT_EQ(other->eligible, (Nodes{kC, kA}));
    // Without others it leads again.
    const auto same = after_proposal(alone, kA, asked, live({kA}, {kB, kC}));
    ASSERT_TRUE(same);
    EXPECT_EQ(same->leader, kA);
    EXPECT_GT(same->leader_epoch, alone.leader_epoch);
}

rpc::CopyReport holds(std::uint32_t epoch, Offset end, Offset committed) {
    rpc::CopyReport report;
    report.last_epoch = epoch;
    report.log_end = end;
    report.committed = committed;
    report.serves = true;
    return report;
}

TEST(ReplicaPlanner, TheMemberThatHoldsTheMostLeads) {
    const auto placement = placed({kA, kB, kC});
    const auto dead = live({kB, kC}, {kA});
    CopyReports said{{kB, holds(3, 10, 5)}, {kC, holds(3, 12, 5)}};
    EXPECT_EQ(after_losses(placement, dead, &said)->leader, kC);
    said[kB] = holds(4, 8, 5);
    EXPECT_EQ(after_losses(placement, dead, &said)->leader, kB) << "a newer epoch is more than a longer log";
    said[kB].serves = false;
    const auto next = after_losses(placement, dead, &said);
    EXPECT_EQ(next->leader, kC);
    EXPECT_EQ(next->in_sync, Nodes{kC}) << "who does not serve leaves like one that is dead";
    said.erase(kC);
    EXPECT_EQ(after_losses(placement, dead, &said)->leader, kC) << "who has not said is better than none";
    said[kC].serves = false;
    EXPECT_EQ(after_losses(placement, dead, &said)->leader, NodeId{});
}

TEST(ReplicaPlanner, WhoLacksWhatIsCommittedIsInNoSet) {
    const auto placement = placed({kA, kB, kC});
    const CopyReports said{{kA, holds(1, 4, 4)}, {kB, holds(3, 12, 9)}, {kC, holds(3, 9, 7)}};
    const auto next = after_resignation(placement, kA, live({kA, kB, kC}), &said);
    ASSERT_TRUE(next);
    EXPECT_EQ(next->leader, kB);
    EXPECT_EQ(next->in_sync, (Nodes{kB, kC})) << "an older log of A was put back";
    EXPECT_TRUE(next->eligible.empty());
    // Who resigns goes behind its equals, and not behind those that hold less.
    EXPECT_EQ(after_resigning(placement, kB, live({kA, kB, kC}), &said), std::nullopt);
    auto led = placement;
    led.leader = kB;
    EXPECT_EQ(after_resigning(led, kB, live({kA, kB, kC}), &said)->leader, kB);
    const CopyReports alike{{kA, holds(3, 12, 9)}, {kB, holds(3, 12, 9)}};
    EXPECT_EQ(after_resigning(led, kB, live({kA, kB, kC}), &alike)->leader, kA);
}

TEST(ReplicaPlanner, AMemberWithADamagedCopyIsInNoSet) {
    const auto placement = placed({kA, kB, kC}, 2);
    auto asked = proposal(placement, {kA, kB, kC});
    asked.lost = {kC};
    auto next = after_proposal(placement, kA, asked, live({kA, kB, kC}));
    ASSERT_TRUE(next);
    EXPECT_EQ(next->in_sync, (Nodes{kA, kB}));
    EXPECT_TRUE(next->eligible.empty());
    asked.lost = {kB, kC, kA};
    next = after_proposal(placement, kA, asked, live({kA, kB, kC}));
    ASSERT_TRUE(next);
    EXPECT_EQ(next->in_sync, Nodes{kA}) << "never the leader's own";
    EXPECT_TRUE(next->eligible.empty()) << "though fewer than min_in_sync stay";
    auto alone = placed({kA, kB}, 2);
    alone.in_sync = {kA};
    alone.eligible = {kB};
    auto of_eligible = proposal(alone, {kA});
    of_eligible.lost = {kB};
    next = after_proposal(alone, kA, of_eligible, live({kA, kB}));
    ASSERT_TRUE(next);
    EXPECT_TRUE(next->eligible.empty());
}

TEST(ReplicaPlanner, DefaultMinInSync) {
    const std::vector<std::uint32_t> expected = {1, 1, 2, 2, 3};
    for (std::uint32_t copies = 1; copies <= 5; ++copies)
        EXPECT_EQ(default_min_in_sync(copies), expected[copies - 1]) << copies;
}

TEST(ReplicaPlanner, SpreadsLeadersCopiesAndThoseWhoStandIn) {
    const auto placements = plan_copies({kA, kB, kC}, {}, {}, 12, {2, 1}).value();
    std::map<NodeId, int> led, held;
    std::map<std::pair<NodeId, NodeId>, int> stands_in;
    for (const auto& placement : placements) {
        ASSERT_TRUE(check_placement(placement).has_value());
        ASSERT_EQ(placement.replicas.size(), 2u);
        EXPECT_EQ(placement.in_sync, placement.replicas);
        EXPECT_EQ(placement.leader, placement.replicas[0]);
        ++led[placement.leader];
        for (const auto node : placement.replicas)
            ++held[node];
        ++stands_in[{placement.replicas[0], placement.replicas[1]}];
    }
    for (const auto node : {kA, kB, kC}) {
        EXPECT_EQ(led[node], 4);
        EXPECT_EQ(held[node], 8);
    }
    // When a node dies, its leaderships do not all go to one other.
    EXPECT_EQ(stands_in.size(), 6u);
    for (const auto& [pair, times] : stands_in)
        EXPECT_EQ(times, 2);
}

TEST(ReplicaPlanner, MoreCopiesThanSlavesSaysHowManyAreMissing) {
    const auto error = plan_copies({kA, kB}, {}, {}, 1, {3, 2}).error();
    EXPECT_EQ(error.code, ErrorCode::unavailable);
    EXPECT_NE(error.message.find("3 copies"), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("2 are there"), std::string::npos) << error.message;
    EXPECT_EQ(plan_copies({kA, kB}, {}, {}, 1, {2, 3}).error().code, ErrorCode::invalid_request);
}

TEST(ReplicaPlanner, TheFirstReplicaInSyncTakesOver) {
    auto placement = placed({kA, kB, kC}, 2);
    placement.in_sync = {kA, kC};  // B lags
    EXPECT_EQ(after_losses(placement, live({kA, kB, kC})), std::nullopt);
    const auto next = after_losses(placement, live({kB, kC}, {kA}));
    ASSERT_TRUE(next);
    EXPECT_EQ(next->leader, kC);
    EXPECT_EQ(next->leader_epoch, LeaderEpoch{2});
    EXPECT_EQ(next->in_sync, Nodes{kC});
    EXPECT_EQ(next->eligible, Nodes{kA}) << "one member is fewer than min_in_sync";
    // Nothing more to do until something else happens.
    EXPECT_EQ(after_losses(*next, live({kB, kC}, {kA})), std::nullopt);
    // B has caught up: from now on A is not needed, and must not lead any more.
    const auto joined = after_proposal(*next, kC, proposal(*next, {kC, kB}), live({kB, kC}, {kA}));
    ASSERT_TRUE(joined);
    EXPECT_EQ(joined->in_sync, (Nodes{kC, kB}));
    EXPECT_EQ(joined->eligible, Nodes{});
}

TEST(ReplicaPlanner, NobodyLeadsRatherThanOneWhoLacksRows) {
    auto placement = placed({kA, kB});
    placement.in_sync = {kA};
    const auto lost = after_losses(placement, live({kB}, {kA}));
    ASSERT_TRUE(lost);
    EXPECT_EQ(lost->leader, NodeId{});
    EXPECT_EQ(lost->last_leader, kA);
    EXPECT_EQ(lost->eligible, Nodes{kA});
    EXPECT_EQ(after_losses(*lost, live({kB}, {kA})), std::nullopt);
    const auto back = after_losses(*lost, live({kA, kB}));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->leader, kA);
    EXPECT_EQ(back->in_sync, Nodes{kA});
    EXPECT_EQ(back->leader_epoch, LeaderEpoch{2});
    EXPECT_EQ(back->eligible, Nodes{});

    const auto ordered = elect_unclean(*lost, kB, live({kB}, {kA})).value();
    EXPECT_EQ(ordered.leader, kB);
    EXPECT_EQ(ordered.in_sync, Nodes{kB});
    EXPECT_TRUE(check_placement_change(*lost, ordered).has_value());
    EXPECT_EQ(elect_unclean(placement, kB, live({kB}, {kA})).error().code, ErrorCode::invalid_request);
}

TEST(ReplicaPlanner, AllDeadAtOnceAreAllElectable) {
    const auto placement = placed({kA, kB, kC}, 2);
    const auto lost = after_losses(placement, live({}, {kA, kB, kC}));
    ASSERT_TRUE(lost);
    EXPECT_EQ(lost->in_sync, Nodes{});
    EXPECT_EQ(lost->eligible, (Nodes{kA, kB, kC}));
    const auto back = after_losses(*lost, live({kC}, {kA, kB}));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->leader, kC);
    EXPECT_EQ(back->eligible, (Nodes{kA, kB})) << "C alone acknowledges nothing";
}

TEST(ReplicaPlanner, WhoWasNotHeardFromKeepsWhatItHas) {
    const auto placement = placed({kA, kB});
    EXPECT_EQ(after_losses(placement, live({})), std::nullopt);
    const auto next = after_losses(placement, live({}, {kA}));
    ASSERT_TRUE(next);
    EXPECT_EQ(next->leader, NodeId{});
    EXPECT_EQ(next->in_sync, Nodes{kB});
}

TEST(ReplicaPlanner, ALeaderThatStopsHandsOverAndALoneOneDoesNot) {
    const auto placement = placed({kA, kB});
    const auto next = after_losses(placement, live({kA, kB}, {}, {kA}));
    ASSERT_TRUE(next);
    EXPECT_EQ(next->leader, kB);
    EXPECT_EQ(next->in_sync, (Nodes{kA, kB}));
    EXPECT_EQ(after_losses(placed({kA}), live({kA, kB}, {}, {kA})), std::nullopt);
    EXPECT_EQ(led_by_first(*next, live({kA, kB}, {}, {kA})), std::nullopt);
    EXPECT_EQ(led_by_first(*next, live({kA, kB}))->leader, kA);
}

TEST(ReplicaPlanner, WhoResignsMayLeadInANewEpochOnly) {
    auto placement = placed({kA, kB});
    placement.in_sync = {kA};
    auto asked = proposal(placement, {});
    asked.resigns = true;
    const auto next = after_proposal(placement, kA, asked, live({kA, kB}));
    ASSERT_TRUE(next);
    EXPECT_EQ(next->leader, kA);
    EXPECT_EQ(next->leader_epoch, LeaderEpoch{2});
    // With nobody who could: none, and A as soon as it is there.
    const auto none = after_resignation(placement, kA, live({kB}));
    ASSERT_TRUE(none);
    EXPECT_EQ(none->leader, NodeId{});
    EXPECT_EQ(none->in_sync, Nodes{kA});
}

TEST(ReplicaPlanner, ProposalsOfThePastOrOfOthersAreVoid) {
    auto placement = placed({kA, kB});
    placement.version = 5;
    placement.leader_epoch = LeaderEpoch{3};
    const auto nodes = live({kA, kB, kC});
    std::string why;
    const auto good = proposal(placement, {kA});
    EXPECT_TRUE(after_proposal(placement, kA, good, nodes, &why));
    EXPECT_FALSE(after_proposal(placement, kB, good, nodes, &why));
    EXPECT_EQ(why, "it does not lead the partition");
    auto old = good;
    old.version = 4;
    EXPECT_FALSE(after_proposal(placement, kA, old, nodes, &why));
    EXPECT_EQ(why, "it is of another version");
    old = good;
    old.leader_epoch = LeaderEpoch{2};
    EXPECT_FALSE(after_proposal(placement, kA, old, nodes, &why));
    EXPECT_EQ(why, "it is of another epoch");
    // Who has no copy, or does not answer, does not join; the leader does not leave. It is told so.
    EXPECT_EQ(after_proposal(placement, kA, proposal(placement, {kA, kB, kC}), nodes), placement);
    placement.in_sync = {kA};
    EXPECT_EQ(after_proposal(placement, kA, proposal(placement, {kA, kB}), live({kA}, {kB})), placement);
    EXPECT_EQ(after_proposal(placement, kA, proposal(placement, {}), nodes), placement);
}

TEST(ReplicaPlanner, GrowsByNodesThatCatchUp) {
    const auto placement = placed({kA});
    const auto next = with_copies(placement, 3, {kA, kC, kB, kD}, {});
    ASSERT_TRUE(next);
    EXPECT_EQ(next->replicas, (Nodes{kA, kC, kB}));
    EXPECT_EQ(next->adding, (Nodes{kC, kB}));
    EXPECT_EQ(next->in_sync, Nodes{kA});
    EXPECT_EQ(next->min_in_sync, 1u) << "one copy is all there is";
    EXPECT_EQ(with_copies(*next, 3, {kA, kC, kB, kD}, {}), std::nullopt);
    const auto nodes = live({kA, kB, kC, kD});
    const auto one = after_proposal(*next, kA, proposal(*next, {kA, kB}), nodes);
    ASSERT_TRUE(one);
    EXPECT_EQ(one->adding, Nodes{kC});
    const auto both = after_proposal(*one, kA, proposal(*one, {kA, kB, kC}), nodes);
    ASSERT_TRUE(both);
    EXPECT_EQ(both->adding, Nodes{});
    EXPECT_EQ(both->min_in_sync, 2u);
}

TEST(ReplicaPlanner, ShrinksToTheLeader) {
    const auto placement = placed({kA, kB, kC}, 2);
    const auto next = with_copies(placement, 1, {kA, kB, kC}, {});
    ASSERT_TRUE(next);
    EXPECT_EQ(next->replicas, Nodes{kA});
    EXPECT_EQ(next->in_sync, Nodes{kA});
    EXPECT_EQ(next->removing, (Nodes{kC, kB}));
    EXPECT_EQ(next->min_in_sync, 1u);
    EXPECT_EQ(next->leader_epoch, placement.leader_epoch);
    // And back: they have most of it still.
    const auto back = with_copies(*next, 3, {kB, kC}, {});
    ASSERT_TRUE(back);
    EXPECT_EQ(back->adding, (Nodes{kB, kC}));
    EXPECT_EQ(back->removing, Nodes{});
}

TEST(ReplicaPlanner, TheCopyOfANodeThatIsGoneForGoodIsMadeAnew) {
    auto placement = placed({kA, kB});
    placement.in_sync = {kA};  // B is dead and another data directory answers at its address: C
    const auto next = with_copies(placement, 2, {kC}, {kB});
    ASSERT_TRUE(next);
    EXPECT_EQ(next->replicas, (Nodes{kA, kC}));
    EXPECT_EQ(next->adding, Nodes{kC});
    EXPECT_EQ(next->removing, Nodes{kB});
    // Not while it may be the one that has everything.
    auto last = placed({kA, kB});
    last.leader = NodeId{};
    last.in_sync = {};
    last.eligible = {kB};
    EXPECT_EQ(with_copies(last, 2, {}, {kB}), std::nullopt);
    const auto kept = with_copies(last, 2, {kC}, {kB});
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->replicas, (Nodes{kA, kB, kC}));
}

// A world in which every node knows how many of the acknowledged writes it holds. Whatever is decided in
// whatever order, a leader holds all of them (INV-10).
class World {
  public:
    World(std::uint32_t seed, std::uint32_t copies) : random_(seed) {
        Nodes replicas;
        for (std::uint32_t node = 1; node <= copies; ++node)
            replicas.push_back(NodeId{node});
        placement_ = placed(replicas, default_min_in_sync(copies));
        copies_ = copies;
        for (const auto node : kAll)
            alive_[node] = heard_[node] = true;
    }

    void step() {
        const auto node = kAll[pick(kAll.size())];
        switch (pick(10)) {
            case 0:
                alive_[node] = false;
                if (pick(4) != 0) heard_[node] = false;  // mostly it is noticed at once
                break;
            case 1:
                alive_[node] = heard_[node] = true;
                if (placement_.leader == node) take("restart", after_resignation(placement_, node, nodes()));
                break;
            case 2:
                stopping_ = pick(2) == 0 ? node : NodeId{};
                break;
            case 3:
                take("losses", after_losses(placement_, nodes()));
                break;
            case 4:
                take("first", led_by_first(placement_, nodes()));
                break;
            case 5:
                copies_ = 1 + static_cast<std::uint32_t>(pick(5));
                take("copies", with_copies(placement_, copies_, kAll, {}));
                break;
            case 6:
                drop_out();
                break;
            case 7:
                catch_up(node);
                break;
            default:
                write();
        }
        for (const auto one : kAll)
            if (!alive_[one] && pick(3) == 0) heard_[one] = false;
    }
    const PartitionPlacement& placement() const { return placement_; }
    int committed() const { return committed_; }

  private:
    static inline const Nodes kAll = {NodeId{1}, NodeId{2}, NodeId{3}, NodeId{4}, NodeId{5}, NodeId{6}};

    std::size_t pick(std::size_t below) { return random_() % below; }
    NodeStates nodes() {
        NodeStates states;
        for (const auto node : kAll)
            (heard_[node] ? states.live : states.dead).insert(node);
        if (heard_[stopping_]) states.stopping = {stopping_};
        return states;
    }
    bool serves() { return placement_.leader != NodeId{} && alive_[placement_.leader]; }

    void write() {
        if (!serves() || placement_.in_sync.size() < placement_.min_in_sync) return;
        for (const auto node : placement_.in_sync)
            if (!alive_[node]) return;
        ++committed_;
        for (const auto node : placement_.in_sync)
            holds_[node] = committed_;
    }
    void drop_out() {
        if (!serves() || placement_.in_sync.size() < 2) return;
        auto in_sync = placement_.in_sync;
        const auto node = in_sync[pick(in_sync.size())];
        std::erase(in_sync, node);
        if (node == placement_.leader) return;
        take("lags", after_proposal(placement_, placement_.leader, proposal(placement_, in_sync), nodes()));
    }
    void catch_up(NodeId node) {
        if (!serves() || !alive_[node]) return;
        const auto& replicas = placement_.replicas;
        if (std::find(replicas.begin(), replicas.end(), node) == replicas.end()) return;
        holds_[node] = holds_[placement_.leader];
        auto in_sync = placement_.in_sync;
        if (std::find(in_sync.begin(), in_sync.end(), node) == in_sync.end()) in_sync.push_back(node);
        take("joins", after_proposal(placement_, placement_.leader, proposal(placement_, in_sync), nodes()));
    }
    void take(const char* what, std::optional<PartitionPlacement> next) {
        if (!next) return;
        SCOPED_TRACE(what);
        const auto checked = check_placement_change(placement_, *next);
        ASSERT_TRUE(checked.has_value()) << checked.error().to_text();
        if (next->leader != NodeId{} && next->leader_epoch != placement_.leader_epoch) {
            const auto was_in = [&](const Nodes& members) {
                return std::find(members.begin(), members.end(), next->leader) != members.end();
            };
            ASSERT_TRUE(was_in(placement_.in_sync) || was_in(placement_.eligible));
            ASSERT_EQ(holds_[next->leader], committed_) << "elected, and lacks acknowledged writes";
        }
        for (const auto node : next->in_sync)
            ASSERT_EQ(holds_[node], committed_) << "in sync, and lacks acknowledged writes";
        ASSERT_TRUE(next->eligible.empty() || next->in_sync.size() < next->min_in_sync);
        next->version = placement_.version + 1;
        placement_ = *next;
    }

    std::mt19937 random_;
    PartitionPlacement placement_;
    std::uint32_t copies_ = 1;
    std::map<NodeId, bool> alive_, heard_;
    std::map<NodeId, int> holds_;
    NodeId stopping_;
    int committed_ = 0;
};

TEST(ReplicaPlanner, WhoeverLeadsHoldsAllThatWasAcknowledged) {
    std::uint64_t committed = 0, epochs = 0;
    for (std::uint32_t seed = 0; seed < 2000; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        World world(seed, 1 + seed % 5);
        for (int i = 0; i < 300 && !::testing::Test::HasFatalFailure(); ++i)
            world.step();
        if (::testing::Test::HasFatalFailure()) return;
        committed += static_cast<std::uint64_t>(world.committed());
        epochs += world.placement().leader_epoch.value;
    }
    // The world goes on writing and electing, or it would prove nothing.
    EXPECT_GT(committed, 50'000u);
    EXPECT_GT(epochs, 10'000u);
}

}  // namespace
}  // namespace dl::master
