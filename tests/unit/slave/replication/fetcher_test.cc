// What a follower asks its leader for: the leader here is the test.
#include "slave/replication/fetcher.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/net/net_pool.h"
#include "common/rpc/rpc_server.h"
#include "tests/support/eventually.h"
#include "tests/unit/slave/partition/partition_fixture.h"

namespace dl::slave::test {
namespace {

using dl::test::eventually;

constexpr int kIdleReplicas = 12;

// Follows partition 0, which is open here, and some that are not, at one leader.
class FetcherTest : public PartitionFixture {
  protected:
    void SetUp() override {
        options_.synced_is_committed = false;
        PartitionFixture::SetUp();
        auto server = rpc::RpcServer::listen(
            pool_.executor_of(0), "127.0.0.1:0",
            {{rpc::Method::fetch, [this](rpc::RpcCall& call) { return answer(call); }}});
        ASSERT_TRUE(server.has_value()) << server.error().to_text();
        server_ = *server;
        for (std::uint32_t i = 0; i <= kIdleReplicas; ++i) {
            ReplicaContext context;
            context.self = NodeId{2};
            context.lease = &lease_;
            context.uptime_us = [] { return std::int64_t{1}; };
            context.unsettled = std::make_shared<UnsettledReplicas>();
            auto replica = std::make_shared<Replica>(
                rpc::ReplicaRef{table_.id, table_.incarnation, PartitionId{i}}, context);
            rpc::ReplicaAssignment follows;
            follows.replica = replica->ref();
            follows.version = 1;
            follows.leader = NodeId{1};
            follows.leader_epoch = LeaderEpoch{2};
            follows.replicas = follows.in_sync = {NodeId{1}, NodeId{2}};
            std::optional<CopyStore::Opened> opened;
            if (i == 0) opened = CopyStore::Opened{partition_, "partition 0 of table t", LeaderEpoch{1}};
            replica->assign(follows, opened);
            replicas_.push_back(std::move(replica));
        }
        RefillTarget refills;
        refills.work = &catch_up_;
        fetcher_ = std::make_shared<Fetcher>(
            pool_.executor_of(1), FetchIdentity{std::string(32, 'c'), NodeId{2}, std::string(16, 'p')},
            "127.0.0.1:" + std::to_string(server_->port()), FetchOptions{}, refills);
    }
    // What the leader sends for partition 0: one record, which is committed.
    void send_a_record() {
        auto directory = root_ + "/leader";
        ASSERT_TRUE(Partition::create(*files_, directory, table_, PartitionId{0}).has_value());
        std::shared_ptr<Partition> leader;
        std::swap(directory_, directory);
        std::swap(partition_, leader);
        options_.synced_is_committed = true;
        open();
        append({{1, "one", false}});
        auto read = partition_->copy()->log().read(0, 1, 1u << 20);
        ASSERT_TRUE(read.has_value()) << read.error().to_text();
        close();
        std::swap(partition_, leader);
        std::swap(directory_, directory);
        const std::lock_guard lock(mutex_);
        batches_ = std::move(*read);
    }
    void TearDown() override {
        fetcher_->stop();
        fetcher_->wait_until_ended();
        EXPECT_TRUE(server_->stop(std::chrono::milliseconds(1000)));
        pool_.stop();
        replicas_.clear();
        PartitionFixture::TearDown();
    }
    // There is a high watermark for partition 0, and never anything for the others.
    boost::asio::awaitable<Result<std::string>> answer(rpc::RpcCall& call) {
        const auto request = *rpc::decode_request<rpc::FetchRequest>(call.json());
        bool news = false;
        {
            const std::lock_guard lock(mutex_);
            ++requests_;
            ++by_lane_.at(request.lane);
            if (request.number == 1) ++sessions_;
            for (const auto& position : request.positions) {
                told_[position.replica.partition.value].insert(request.lane);
                if (position.replica == replicas_[0]->ref()) offsets_.push_back(position.offset);
                news = news || position.replica == replicas_[0]->ref();
            }
            most_lanes_ = std::max(most_lanes_, request.lane + 1);
        }
        if (holds_) {
            ++held_;
            co_await pause(std::chrono::seconds(30));
            --held_;
        }
        if (news) {
            FetchFrame frame;
            frame.partition.replica = replicas_[0]->ref();
            frame.partition.leader_epoch = LeaderEpoch{2};
            {
                const std::lock_guard lock(mutex_);
                frame.batches = std::exchange(batches_, {});
                if (!frame.batches.empty()) frame.partition.high_watermark = 1;
            }
            std::vector<std::vector<SharedBytes>> frames;
            frames.push_back(encode_fetch_frame(frame));
            call.send_with_end(std::move(frames));
        } else {
            co_await pause(std::chrono::milliseconds(10));
        }
        rpc::FetchReply reply;
        reply.session = 100 + request.lane;
        co_return rpc::encode(reply);
    }
    // Ends early once nothing is held any more, or the caller goes.
    boost::asio::awaitable<void> pause(std::chrono::milliseconds time) {
        const bool held = holds_;
        const auto until = std::chrono::steady_clock::now() + time;
        while (std::chrono::steady_clock::now() < until && (!held || holds_)) {
            boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor,
                                            std::chrono::milliseconds(5));
            const auto [error] = co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
            if (error) co_return;
        }
    }
    std::array<int, rpc::FetchRequest::kLanesMax> by_lane() {
        const std::lock_guard lock(mutex_);
        return by_lane_;
    }
    int requests() {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

    net::NetPool pool_{"fetcher", 2};
    WorkerPool catch_up_{"catch-up", 1};
    Lease lease_{[] { return std::int64_t{1}; }};
    std::shared_ptr<rpc::RpcServer> server_;
    std::vector<std::shared_ptr<Replica>> replicas_;
    std::shared_ptr<Fetcher> fetcher_;
    std::mutex mutex_;
    int requests_ = 0, sessions_ = 0;
    std::array<int, rpc::FetchRequest::kLanesMax> by_lane_{};
    std::uint32_t most_lanes_ = 0;
    std::map<std::uint32_t, std::set<std::uint32_t>> told_;  // by partition: in which lanes
    std::vector<Offset> offsets_;                            // that were told of partition 0
    std::vector<StoredBatch> batches_;
    std::atomic<bool> holds_{false};
    std::atomic<std::uint32_t> held_{0};
};

TEST_F(FetcherTest, APartitionThatWaitsForItsDiskKeepsTheOthersFromNothing) {
    std::promise<void> answered;
    ASSERT_TRUE(storage_.post([until = answered.get_future().share()] { until.wait(); }));
    fetcher_->follow(replicas_);
    fetcher_->start();
    const bool all_told = eventually([&] {
        const std::lock_guard lock(mutex_);
        return told_.size() == replicas_.size();
    });
    EXPECT_TRUE(all_told);
    const int before = requests();
    EXPECT_TRUE(eventually([&] { return requests() > before + 10; })) << "nobody is asked for news";
    answered.set_value();
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(most_lanes_, rpc::FetchRequest::kLanesMax);
    EXPECT_EQ(sessions_, static_cast<int>(rpc::FetchRequest::kLanesMax));
}

TEST_F(FetcherTest, ACopyThatCatchesUpKeepsItsLaneFromNothingAndIsSentNothingTwice) {
    send_a_record();
    auto behind = replicas_[0]->assignment();
    behind.version = 2;
    behind.in_sync = {NodeId{1}};
    replicas_[0]->assign(behind, CopyStore::Opened{partition_, "partition 0 of table t", LeaderEpoch{1}});
    std::promise<void> answered;
    ASSERT_TRUE(catch_up_.post([until = answered.get_future().share()] { until.wait(); }));
    fetcher_->follow(replicas_);
    fetcher_->start();
    ASSERT_TRUE(eventually([&] {
        const std::lock_guard lock(mutex_);
        return offsets_.size() == 1;
    }));
    // As when any assignment changes: then all positions are told anew.
    fetcher_->follow(replicas_);
    const auto before = by_lane();
    EXPECT_TRUE(eventually([&] {
        const auto now = by_lane();
        return std::equal(now.begin(), now.end(), before.begin(),
                          [](int asked, int earlier) { return asked > earlier + 5; });
    })) << "a lane waits";
    {
        const std::lock_guard lock(mutex_);
        EXPECT_EQ(offsets_, std::vector<Offset>{0}) << "told before what was sent has been taken";
    }
    answered.set_value();
    EXPECT_TRUE(eventually([&] {
        const std::lock_guard lock(mutex_);
        return offsets_.size() > 1 && offsets_[1] == 1;
    }));
    EXPECT_EQ(partition_->copy()->ends().high_watermark, 1) << "applied with it";
}

TEST_F(FetcherTest, OnePartitionTakesOneLane) {
    replicas_.resize(1);
    fetcher_->follow(replicas_);
    fetcher_->start();
    EXPECT_TRUE(eventually([&] { return requests() > 10; }));
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(most_lanes_, 1u);
}

// Two sessions would be sent the same records.
TEST_F(FetcherTest, APartitionThatComesBackBeforeItsLeaderKnowsStaysInItsLane) {
    fetcher_->follow(replicas_);
    fetcher_->start();
    EXPECT_TRUE(eventually([&] { return requests() > 20; }));
    holds_ = true;
    EXPECT_TRUE(eventually([&] { return held_ == rpc::FetchRequest::kLanesMax; }));
    auto without = replicas_;
    without.erase(without.begin() + 5);
    without.erase(without.begin() + 2);
    fetcher_->follow(without);
    fetcher_->follow(replicas_);
    const auto before = by_lane();
    holds_ = false;
    EXPECT_TRUE(eventually([&] {
        const auto now = by_lane();
        return std::equal(now.begin(), now.end(), before.begin(),
                          [](int asked, int earlier) { return asked > earlier + 2; });
    }));
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(told_.size(), replicas_.size());
    for (const auto& [partition, lanes] : told_)
        EXPECT_EQ(lanes.size(), 1u) << partition;
}

TEST_F(FetcherTest, EndsWhileItsLeaderDoesNotAnswer) {
    holds_ = true;
    fetcher_->follow(replicas_);
    fetcher_->start();
    EXPECT_TRUE(eventually([&] { return held_ == rpc::FetchRequest::kLanesMax; }));
    const auto began = std::chrono::steady_clock::now();
    fetcher_->stop();
    fetcher_->wait_until_ended();
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
    holds_ = false;
}

}  // namespace
}  // namespace dl::slave::test
