#include "master/control/replica_decisions.h"

#include <gtest/gtest.h>

#include <chrono>

namespace dl::master {
namespace {

constexpr NodeId kA{1}, kB{2}, kC{3};

// A catalog's cache without a catalog.
class Tables {
  public:
    Tables() {
        NodeMap nodes;
        for (const auto node : {kA, kB, kC})
            nodes[node] = {node, "127.0.0.1:" + std::to_string(node.value), "i", false};
        cache_.put_nodes(nodes);
    }
    void add(std::uint64_t id, std::uint32_t partitions, std::uint32_t copies) {
        CatalogTable meta;
        meta.id = TableId{id};
        meta.incarnation = id * 10;
        meta.name = "t" + std::to_string(id);
        meta.partition_count = partitions;
        meta.copies = copies;
        TablePlacement placement;
        placement.table = meta.id;
        placement.partitions =
            plan_copies({kA, kB, kC}, {}, {}, partitions, {copies, default_min_in_sync(copies)}).value();
        cache_.put_placement(std::make_shared<const TablePlacement>(placement));
        cache_.put(std::make_shared<const CatalogTable>(meta));
    }
    // As the catalog does it.
    void apply(const Decisions& decided) {
        std::map<TableId, std::shared_ptr<TablePlacement>> changed;
        for (const auto& decision : decided.changes) {
            auto& placed = changed[decision.change.table];
            if (placed == nullptr)
                placed = std::make_shared<TablePlacement>(*cache_.placement(decision.change.table));
            auto& before = placed->partitions.at(decision.change.partition.value);
            ASSERT_EQ(before.version, decision.change.expected_version);
            ASSERT_TRUE(check_placement_change(before, decision.change.next).has_value());
            before = decision.change.next;
            before.version = decision.change.expected_version + 1;
        }
        for (auto& [table, placed] : changed)
            cache_.put_placement(placed);
    }
    void want_copies(std::uint64_t id, std::uint32_t copies) {
        auto meta = *cache_.find("t" + std::to_string(id));
        meta.copies = copies;
        cache_.put(std::make_shared<const CatalogTable>(meta));
    }
    // As an accepted loss leaves them.
    void begin_next_epoch(std::uint64_t id) {
        auto placed = *cache_.placement(TableId{id});
        for (auto& partition : placed.partitions) {
            ++partition.version;
            ++partition.leader_epoch.value;
        }
        cache_.put_placement(std::make_shared<const TablePlacement>(placed));
    }
    void drop(std::uint64_t id) { cache_.remove(*cache_.find("t" + std::to_string(id))); }
    std::vector<PartitionPlacement> of(std::uint64_t id) const {
        return cache_.placement(TableId{id})->partitions;
    }
    const CatalogCache& cache() const { return cache_; }

  private:
    CatalogCache cache_;
};

DecisionInput all_live() {
    DecisionInput input;
    input.nodes.live = {kA, kB, kC};
    input.placeable = input.nodes.live;
    return input;
}

DecisionInput dead(NodeId node) {
    auto input = all_live();
    input.nodes.live.erase(node);
    input.nodes.dead = {node};
    input.placeable = input.nodes.live;
    return input;
}

// What `node` would have been told: takes everything that is to be told.
void hear(ReplicaIndex& index, NodeId node, std::map<ReplicaKey, rpc::ReplicaAssignment>& heard) {
    while (const auto telling = index.next_telling(node)) {
        for (const auto& assigned : telling->request.partitions)
            heard[{assigned.replica.table, assigned.replica.partition}] = assigned;
        index.told(node, *telling);
    }
}

std::uint64_t digest_of(const std::map<ReplicaKey, rpc::ReplicaAssignment>& heard) {
    std::uint64_t digest = 0;
    for (const auto& [key, assigned] : heard)
        digest += rpc::assignment_digest(assigned.replica, assigned.version);
    return digest;
}

TEST(ReplicaDecisions, NothingIsDecidedWhileAllAreWell) {
    Tables tables;
    tables.add(1, 6, 3);
    tables.add(2, 6, 1);
    ReplicaIndex index;
    EXPECT_TRUE(index.refresh(tables.cache()));
    EXPECT_FALSE(index.refresh(tables.cache()));
    EXPECT_TRUE(decide(index, all_live()).changes.empty());
}

TEST(ReplicaDecisions, PartitionsOfOneCopyAreLeftAlone) {
    Tables tables;
    tables.add(2, 6, 1);
    ReplicaIndex index;
    index.refresh(tables.cache());
    EXPECT_TRUE(decide(index, dead(kA)).changes.empty());
    EXPECT_EQ(index.digest(kA), 0u);
}

// It says why it does not serve, and a loss can be accepted where it leads.
TEST(ReplicaDecisions, TheOnlyCopyLeadsAlsoWhenItDoesNotServe) {
    Tables tables;
    tables.add(1, 1, 1);
    tables.begin_next_epoch(1);
    ReplicaIndex index;
    index.refresh(tables.cache());
    const auto only = tables.of(1)[0].leader;
    auto gone = dead(only);
    gone.asks = true;
    tables.apply(decide(index, gone));
    index.refresh(tables.cache());
    EXPECT_EQ(tables.of(1)[0].leader, NodeId{});
    auto back = all_live();
    back.asks = true;
    back.elections[{TableId{1}, PartitionId{0}}].reports[only].serves = false;
    const auto decided = decide(index, back);
    ASSERT_EQ(decided.changes.size(), 1u);
    EXPECT_EQ(decided.changes[0].change.next.leader, only);
}

TEST(ReplicaDecisions, TheSecondCopiesOfADeadNodeLead) {
    Tables tables;
    tables.add(1, 6, 2);
    ReplicaIndex index;
    index.refresh(tables.cache());
    const auto decided = decide(index, dead(kA));
    EXPECT_EQ(decided.changes.size(), 4u) << "all that A has a copy of";
    tables.apply(decided);
    index.refresh(tables.cache());
    for (const auto& placed : tables.of(1)) {
        EXPECT_NE(placed.leader, kA);
        EXPECT_NE(placed.leader, NodeId{});
    }
    EXPECT_TRUE(decide(index, dead(kA)).changes.empty());
}

TEST(ReplicaDecisions, NodesAreToldWhatChangedAndDigestsFollow) {
    Tables tables;
    tables.add(1, 6, 2);
    ReplicaIndex index;
    index.refresh(tables.cache());
    std::map<NodeId, std::map<ReplicaKey, rpc::ReplicaAssignment>> heard;
    // The first time nobody is told more than addresses; a digest that differs brings everything.
    hear(index, kA, heard[kA]);
    EXPECT_TRUE(heard[kA].empty());
    for (const auto node : {kA, kB, kC}) {
        index.tell_all(node);
        hear(index, node, heard[node]);
        EXPECT_EQ(digest_of(heard[node]), index.digest(node));
        EXPECT_EQ(heard[node].size(), 4u);
    }
    const auto before = index.activity(kB);
    const auto decided = decide(index, dead(kA));
    tables.apply(decided);
    index.refresh(tables.cache());
    EXPECT_NE(index.activity(kB), before);
    EXPECT_FALSE(index.is_told(kB, TableId{1}));
    const auto telling = index.next_telling(kB);
    ASSERT_TRUE(telling);
    EXPECT_LT(telling->request.partitions.size(), 4u) << "only what changed";
    for (const auto node : {kB, kC})
        hear(index, node, heard[node]);
    for (const auto node : {kB, kC}) {
        EXPECT_EQ(digest_of(heard[node]), index.digest(node));
        EXPECT_TRUE(index.is_told_all(node));
    }
    // A table that is dropped is in no digest.
    tables.drop(1);
    index.refresh(tables.cache());
    EXPECT_EQ(index.digest(kB), 0u);
    EXPECT_EQ(index.tables().size(), 0u);
}

TEST(ReplicaDecisions, AChangeWhileANodeIsToldIsToldAgain) {
    Tables tables;
    tables.add(1, 1, 3);
    ReplicaIndex index;
    index.refresh(tables.cache());
    index.tell_all(kB);
    const auto telling = index.next_telling(kB);
    ASSERT_TRUE(telling);
    tables.apply(decide(index, dead(kA)));
    index.refresh(tables.cache());
    index.told(kB, *telling);
    EXPECT_FALSE(index.is_told_all(kB)) << "it was told of the version before";
}

TEST(ReplicaDecisions, CopiesGrowOnLiveNodesAndShrink) {
    Tables tables;
    tables.add(1, 4, 1);
    ReplicaIndex index;
    index.refresh(tables.cache());
    tables.want_copies(1, 3);
    index.refresh(tables.cache());
    tables.apply(decide(index, dead(kC)));
    index.refresh(tables.cache());
    std::size_t grown = 0;
    for (const auto& placed : tables.of(1)) {
        if (placed.leader == kC) {
            EXPECT_EQ(placed.replicas.size(), 1u) << "its only copy is away";
            continue;
        }
        ++grown;
        EXPECT_EQ(placed.replicas.size(), 2u);
        EXPECT_EQ(placed.adding.size(), 1u);
        EXPECT_EQ(placed.in_sync.size(), 1u);
    }
    EXPECT_GE(grown, 2u);
    // Who is to get a copy is asked to make the partition first.
    const auto telling = index.next_telling(kA);
    ASSERT_TRUE(telling);
    ASSERT_EQ(telling->create.size(), 1u);
    EXPECT_TRUE(telling->create[0].replicated);
    tables.apply(decide(index, all_live()));
    index.refresh(tables.cache());
    for (const auto& placed : tables.of(1))
        EXPECT_EQ(placed.replicas.size(), 3u);
    EXPECT_TRUE(decide(index, all_live()).changes.empty());
    tables.want_copies(1, 1);
    index.refresh(tables.cache());
    tables.apply(decide(index, all_live()));
    index.refresh(tables.cache());
    for (const auto& placed : tables.of(1)) {
        EXPECT_EQ(placed.replicas, std::vector<NodeId>{placed.leader});
        EXPECT_EQ(placed.removing.size(), 2u);
    }
    // Who has lost its copy is told and has no assignment any more.
    std::map<ReplicaKey, rpc::ReplicaAssignment> heard;
    hear(index, kA, heard);
    EXPECT_EQ(heard.size(), 4u);
    std::erase_if(heard, [](const auto& entry) { return entry.second.replicas.front() != kA; });
    EXPECT_EQ(digest_of(heard), index.digest(kA));
    EXPECT_TRUE(decide(index, all_live()).changes.empty());
}

TEST(ReplicaDecisions, LeadershipsGoBackAFewAtATimeToWhoHasSettled) {
    Tables tables;
    tables.add(1, 30, 3);
    ReplicaIndex index;
    index.refresh(tables.cache());
    tables.apply(decide(index, dead(kA)));
    index.refresh(tables.cache());
    // A has caught up everywhere.
    auto input = all_live();
    for (std::uint32_t p = 0; p < 30; ++p) {
        const auto placed = tables.of(1)[p];
        rpc::ReplicaProposal asked;
        asked.replica = {TableId{1}, 10, PartitionId{p}};
        asked.leader_epoch = placed.leader_epoch;
        asked.version = placed.version;
        asked.in_sync = {kA, kB, kC};
        input.proposals[placed.leader].push_back(asked);
    }
    input.hand_backs_max = 4;
    auto decided = decide(index, input);
    EXPECT_EQ(decided.changes.size(), 30u);
    EXPECT_EQ(decided.hand_backs_left, 10u);
    tables.apply(decided);
    index.refresh(tables.cache());
    input.proposals.clear();
    input.settled = {kA};
    decided = decide(index, input);
    EXPECT_EQ(decided.changes.size(), 4u);
    EXPECT_EQ(decided.hand_backs_left, 6u);
    for (const auto& decision : decided.changes)
        EXPECT_EQ(decision.change.next.leader, kA);
}

TEST(ReplicaDecisions, ARefusedProposalIsAnsweredOnceInAWhile) {
    Tables tables;
    tables.add(1, 1, 2);
    ReplicaIndex index;
    index.refresh(tables.cache());
    tables.apply(decide(index, dead(kB)));
    index.refresh(tables.cache());
    const auto placed = tables.of(1)[0];
    auto input = dead(kB);
    input.all = false;
    rpc::ReplicaProposal asked;
    asked.replica = {TableId{1}, 10, PartitionId{0}};
    asked.leader_epoch = placed.leader_epoch;
    asked.version = placed.version;
    asked.in_sync = {kA, kB};
    input.proposals[kA] = {asked};
    const auto decided = decide(index, input);
    ASSERT_EQ(decided.changes.size(), 1u) << "only a new version ends what the leader began";
    EXPECT_EQ(decided.changes[0].change.next, placed);
    EXPECT_EQ(decided.refused.size(), 1u);
    input.refused_lately = decided.refused;
    EXPECT_TRUE(decide(index, input).changes.empty());
    // Of a table made anew under the same number it says nothing.
    input.refused_lately.clear();
    input.proposals[kA][0].replica.incarnation = 11;
    EXPECT_TRUE(decide(index, input).changes.empty());
}

rpc::CopyReport holds(Offset end, bool heard) {
    rpc::CopyReport report;
    report.last_epoch = 1;
    report.log_end = end;
    report.heard = heard;
    report.serves = true;
    return report;
}

TEST(ReplicaDecisions, MembersAreAskedWhatTheyHoldBeforeOneIsElected) {
    Tables tables;
    tables.add(1, 1, 3);
    ReplicaIndex index;
    index.refresh(tables.cache());
    const ReplicaKey key{TableId{1}, PartitionId{0}};
    auto input = dead(kA);
    input.asks = true;
    auto decided = decide(index, input);
    EXPECT_TRUE(decided.changes.empty());
    ASSERT_TRUE(decided.held.contains(key));
    EXPECT_EQ(decided.held[key].asked.size(), 2u);
    auto& election = input.elections[key];
    election.reports[kB] = holds(7, true);
    EXPECT_TRUE(decide(index, input).changes.empty()) << "C has not said";
    election.reports[kC] = holds(9, true);
    decided = decide(index, input);
    ASSERT_EQ(decided.changes.size(), 1u);
    EXPECT_EQ(decided.changes[0].change.next.leader, kC);
    EXPECT_TRUE(decided.held.empty());
    // One that hangs is not waited for without end.
    election.reports.erase(kC);
    election.reports_overdue = true;
    decided = decide(index, input);
    ASSERT_EQ(decided.changes.size(), 1u);
    EXPECT_EQ(decided.changes[0].change.next.leader, kB);
}

TEST(ReplicaDecisions, AfterAllWereStoppedTheOneThatIsBackFirstWaitsForTheOthers) {
    Tables tables;
    tables.add(1, 1, 2);
    ReplicaIndex index;
    index.refresh(tables.cache());
    const auto led = tables.of(1)[0];
    const auto other = led.in_sync.back();
    const ReplicaKey key{TableId{1}, PartitionId{0}};
    auto input = dead(other);
    input.asks = true;
    input.restarted = {led.leader};
    auto decided = decide(index, input);
    EXPECT_TRUE(decided.changes.empty());
    ASSERT_TRUE(decided.held.contains(key));
    ASSERT_TRUE(decided.held[key].gone);
    // It is heard once that the leader was started anew.
    input.restarted.clear();
    auto& election = input.elections[key];
    election.gone = decided.held[key].gone;
    election.reports[led.leader] = holds(5, false);
    election.reports_overdue = true;
    decided = decide(index, input);
    EXPECT_TRUE(decided.changes.empty()) << "the other may hold more";
    EXPECT_TRUE(decided.held.contains(key));
    // It comes back.
    auto both = all_live();
    both.asks = true;
    both.elections = input.elections;
    both.elections[key].reports[other] = holds(8, false);
    decided = decide(index, both);
    ASSERT_EQ(decided.changes.size(), 1u);
    EXPECT_EQ(decided.changes[0].change.next.leader, other);
    // It does not.
    election.wait_over = true;
    decided = decide(index, input);
    ASSERT_EQ(decided.changes.size(), 1u);
    EXPECT_EQ(decided.changes[0].change.next.leader, led.leader);
    // One that has been up all the time knows what there is.
    election.wait_over = false;
    election.reports[led.leader].heard = true;
    EXPECT_EQ(decide(index, input).changes.size(), 1u);
}

TEST(ReplicaDecisions, MembersAreNotLeftOutBeforeTheLeaderIsKnownToLead) {
    Tables tables;
    tables.add(1, 1, 2);
    ReplicaIndex index;
    index.refresh(tables.cache());
    const auto led = tables.of(1)[0];
    const auto other = led.in_sync.back();
    auto input = dead(other);
    input.asks = true;
    input.unconfirmed = {led.leader};
    EXPECT_TRUE(decide(index, input).changes.empty());
    input.unconfirmed.clear();
    ASSERT_EQ(decide(index, input).changes.size(), 1u);
    // Not heard from.
    input.nodes.live.erase(led.leader);
    EXPECT_TRUE(decide(index, input).changes.empty());
    auto gone = dead(led.leader);
    gone.asks = true;
    gone.nodes.live.erase(other);
    EXPECT_TRUE(decide(index, gone).changes.empty());
    // All are gone: all may be elected.
    gone.nodes.dead.insert(other);
    const auto decided = decide(index, gone);
    ASSERT_EQ(decided.changes.size(), 1u);
    EXPECT_EQ(decided.changes[0].change.next.eligible.size(), 2u);
}

TEST(ReplicaDecisions, TwentyThousandPartitionsAreDecidedAtOnce) {
    Tables tables;
    for (std::uint64_t id = 1; id <= 10; ++id)
        tables.add(id, 2000, 3);
    ReplicaIndex index;
    index.refresh(tables.cache());
    const auto began = std::chrono::steady_clock::now();
    const auto decided = decide(index, dead(kA));
    tables.apply(decided);
    index.refresh(tables.cache());
    std::map<ReplicaKey, rpc::ReplicaAssignment> heard;
    hear(index, kB, heard);
    const auto took = std::chrono::steady_clock::now() - began;
    EXPECT_EQ(decided.changes.size(), 20'000u);
    EXPECT_EQ(heard.size(), 20'000u);
    // Generous: quadratic would be minutes.
    EXPECT_LT(took, std::chrono::seconds(10));
    RecordProperty("ms",
                   static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
}

}  // namespace
}  // namespace dl::master
