// A leader whose disk fails asks to lead no more, whatever it has just been asked itself.
#include "slave/replication/replica.h"

#include "tests/support/eventually.h"
#include "tests/unit/slave/partition/faulty_file_system.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave::test {
namespace {

class ReplicaTest : public PartitionFixture {
  protected:
    void SetUp() override {
        files_ = &disk_;
        options_.synced_is_committed = false;
        PartitionFixture::SetUp();
        lease_.granted("master", lease_.reply_to("master"), 1'000'000'000);
        ReplicaContext context;
        context.self = NodeId{1};
        context.lease = &lease_;
        context.uptime_us = [] { return std::int64_t{1}; };
        context.lag_us_max = 5'000'000;
        context.unsettled = unsettled_;
        context.recent_budget = recent_budget_;
        replica_ = std::make_shared<Replica>(rpc::ReplicaRef{table_.id, table_.incarnation, PartitionId{0}},
                                             context);
        rpc::ReplicaAssignment leads;
        leads.replica = replica_->ref();
        leads.version = 1;
        leads.leader = NodeId{1};
        leads.leader_epoch = LeaderEpoch{2};
        leads.replicas = leads.in_sync = {NodeId{1}};
        leads.min_in_sync = 1;
        replica_->assign(leads, CopyStore::Opened{partition_, "partition 0 of table t", LeaderEpoch{1}});
    }
    void TearDown() override {
        replica_.reset();
        PartitionFixture::TearDown();
    }
    // As a heartbeat does: what those ask for that may ask for something.
    std::vector<rpc::ReplicaProposal> ask() {
        std::vector<rpc::ReplicaProposal> proposals;
        for (const auto& one : unsettled_->take()) {
            const auto replica = one.lock();
            if (replica == nullptr) continue;
            auto asked = replica->ask();
            if (!asked.settled) unsettled_->add(one);
            if (asked.proposal) proposals.push_back(std::move(*asked.proposal));
        }
        return proposals;
    }

    FaultyFileSystem disk_;
    Lease lease_{[] { return std::int64_t{1}; }};
    std::shared_ptr<UnsettledReplicas> unsettled_ = std::make_shared<UnsettledReplicas>();
    std::shared_ptr<RecentBatches::Budget> recent_budget_ = std::make_shared<RecentBatches::Budget>();
    std::shared_ptr<Replica> replica_;
};

TEST_F(ReplicaTest, ALeaderThatFailsBehindAHeartbeatIsHeardOfWithTheNext) {
    append({{1, "a", false}});
    EXPECT_TRUE(ask().empty());
    EXPECT_TRUE(unsettled_->take().empty()) << "at rest it is not asked";
    std::atomic<int> asked{0};
    disk_.set_fault([&](FaultyFileSystem::Call call, const std::string& path) -> std::optional<ErrorCode> {
        if (call != FaultyFileSystem::Call::sync || !path.ends_with(".log")) return std::nullopt;
        EXPECT_TRUE(ask().empty());  // nothing has failed yet
        ++asked;
        return ErrorCode::io_error;
    });
    EXPECT_EQ(append_later({{2, "b", false}}).get().error().code, ErrorCode::io_error);
    EXPECT_EQ(asked, 1);
    const auto proposals = ask();
    ASSERT_EQ(proposals.size(), 1u);
    EXPECT_TRUE(proposals[0].resigns);
    disk_.set_fault(nullptr);
}

// What a leader keeps in memory for its followers.
TEST_F(ReplicaTest, RecentBatchesAreOfTheEpochThatIsLedAndGoWithWhatIsCommitted) {
    struct Deaf final : ReplicaListener {
        void has_news(std::size_t, bool) override {}
    };
    const auto follower = std::make_shared<Deaf>();
    append({{1, "a", false}});
    EXPECT_FALSE(replica_->read_recent(LeaderEpoch{2}, 0, 1000)) << "nobody follows";
    auto with_other = replica_->assignment();
    with_other.version = 2;
    with_other.replicas = with_other.in_sync = {NodeId{1}, NodeId{2}};
    replica_->assign(with_other, CopyStore::Opened{partition_, "partition 0 of table t", LeaderEpoch{1}});
    replica_->listen(NodeId{2}, follower, 0);
    auto waits = append_later({{2, "b", false}});
    ASSERT_TRUE(dl::test::eventually([&] {
        const auto recent = replica_->read_recent(LeaderEpoch{2}, 1, 1000);
        return recent && recent->size() == 1;
    }));
    EXPECT_FALSE(replica_->read_recent(LeaderEpoch{2}, 0, 1000)) << "from the log";
    EXPECT_EQ(replica_->read_recent(LeaderEpoch{2}, 2, 1000)->size(), 0u) << "there is nothing behind it";
    EXPECT_FALSE(replica_->read_recent(LeaderEpoch{3}, 1, 1000));
    EXPECT_EQ(replica_->high_watermark(LeaderEpoch{3}).error().code, ErrorCode::not_leader);
    // The other one is out of the set: what is there is committed, and nobody needs it from memory.
    auto alone = with_other;
    alone.version = 3;
    alone.in_sync = {NodeId{1}};
    replica_->assign(alone, CopyStore::Opened{partition_, "partition 0 of table t", LeaderEpoch{1}});
    EXPECT_TRUE(waits.get().has_value());
    EXPECT_EQ(*replica_->high_watermark(LeaderEpoch{2}), 2);
    EXPECT_FALSE(replica_->read_recent(LeaderEpoch{2}, 1, 1000));
    EXPECT_EQ(recent_budget_->used, 0u);
}

}  // namespace
}  // namespace dl::slave::test
