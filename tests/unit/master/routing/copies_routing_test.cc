#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <functional>
#include <future>
#include <mutex>

#include "common/net/net_pool.h"
#include "master/routing/append_router.h"
#include "tests/support/eventually.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using dl::test::eventually;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr NodeId kA{1}, kB{2};

// What a scripted slave does with an append.
struct Answer {
    enum class Kind {
        appended,
        duplicate,
        not_reached,
        lost,
        hangs,
        part_error,
        refused
    } kind = Kind::appended;
    ErrorCode code = ErrorCode::unavailable;
};

class ScriptedClient final : public rpc::RpcClient {
  public:
    explicit ScriptedClient(std::string address) : address_(std::move(address)) {}
    const std::string& address() const override { return address_; }
    bool reachable() const override { return true; }
    // Once they are used up: appended.
    void then(std::vector<Answer> answers) {
        std::lock_guard lock(mutex_);
        answers_ = std::move(answers);
    }
    std::vector<rpc::AppendRequest> requests() const {
        std::lock_guard lock(mutex_);
        return requests_;
    }
    asio::awaitable<Result<std::unique_ptr<rpc::RpcStream>>> open(rpc::Method, std::string,
                                                                  std::vector<SharedBytes>, rpc::Deadline,
                                                                  rpc::CallTrace*) override {
        co_return make_error(ErrorCode::internal, "nothing is opened here");
    }
    asio::awaitable<Result<rpc::RpcReply>> call(rpc::Method method, std::string json,
                                                std::vector<SharedBytes>, rpc::Deadline deadline,
                                                rpc::CallTrace* trace) override {
        if (method == rpc::Method::update_table) {
            ++schemas_told;
            rpc::RpcReply told;
            told.end_json = "{}";
            co_return told;
        }
        EXPECT_EQ(method, rpc::Method::append);
        auto request = rpc::decode_request<rpc::AppendRequest>(json).value();
        Answer answer;
        {
            std::lock_guard lock(mutex_);
            if (requests_.size() < answers_.size()) answer = answers_[requests_.size()];
            requests_.push_back(request);
        }
        trace->sent = answer.kind != Answer::Kind::not_reached;
        if (answer.kind == Answer::Kind::not_reached)
            co_return make_error(ErrorCode::unavailable, "slave " + address_ + " cannot be reached");
        if (answer.kind == Answer::Kind::refused) co_return make_error(answer.code, "as scripted");
        if (answer.kind == Answer::Kind::hangs) {
            asio::steady_timer timer(co_await asio::this_coro::executor, deadline);
            const auto [failed] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
            trace->lost = true;
            if (failed)
                co_return make_error(ErrorCode::unknown_outcome, "slave lost its connection (cancelled)");
            co_return make_error(ErrorCode::timeout, "slave did not finish in time");
        }
        if (answer.kind == Answer::Kind::lost) {
            trace->lost = true;
            co_return make_error(ErrorCode::unknown_outcome, "slave " + address_ + " lost its connection");
        }
        rpc::AppendReply reply;
        for (const auto& part : request.partitions) {
            auto& result = reply.partitions.emplace_back();
            result.partition = part.partition;
            if (answer.kind == Answer::Kind::part_error)
                result.error = make_error(answer.code, "as scripted");
            else
                result.appended = rpc::Appended{10, 11, answer.kind == Answer::Kind::duplicate};
        }
        rpc::RpcReply done;
        done.end_json = rpc::encode(reply);
        co_return done;
    }
    std::atomic<int> schemas_told{0};

  private:
    const std::string address_;
    mutable std::mutex mutex_;
    std::vector<Answer> answers_;
    std::vector<rpc::AppendRequest> requests_;
};

class CopiesRoutingTest : public ::testing::Test {
  protected:
    void SetUp() override {
        NodeMap nodes;
        nodes[kA] = {kA, "a:1", "i", false};
        nodes[kB] = {kB, "b:1", "i", false};
        catalog_.put_nodes(nodes);
    }
    void TearDown() override { pool_.stop(); }
    void place(std::vector<NodeId> replicas) {
        auto meta = std::make_shared<CatalogTable>();
        meta->id = TableId{1};
        meta->name = "t";
        meta->schema.id = SchemaId{1};
        meta->schema.fields.resize(1);
        meta->schema.fields[0].name = "id";
        catalog_.put(meta);
        table_ = meta;
        placed_ = placed_on(replicas.front());
        placed_.in_sync = placed_.replicas = std::move(replicas);
        put();
    }
    void put() {
        auto placement = std::make_shared<TablePlacement>();
        placement->table = TableId{1};
        placement->partitions = {placed_};
        catalog_.put_placement(placement);
    }
    // Another partition, led by B.
    void put_two() {
        auto second = placed_;
        second.leader = kB;
        auto placement = std::make_shared<TablePlacement>();
        placement->table = TableId{1};
        placement->partitions = {placed_, second};
        catalog_.put_placement(placement);
    }
    void lead(NodeId node) {
        placed_.leader = node;
        ++placed_.leader_epoch.value;
        ++placed_.version;
        put();
    }
    std::future<std::vector<rpc::AppendResult>> append(std::optional<BatchId> id = {},
                                                       milliseconds time = milliseconds(20'000),
                                                       std::uint32_t partitions = 1) {
        auto batch = std::make_shared<PartitionedBatch>();
        for (std::uint32_t i = 0; i < partitions; ++i)
            batch->partitions.push_back({PartitionId{i}, 2, "rows", 1});
        batch->rows = 2 * partitions;
        auto run = [this, batch, id,
                    until = steady_clock::now() + time]() -> asio::awaitable<std::vector<rpc::AppendResult>> {
            co_return co_await router_.append(table_, batch, id, until);
        };
        return asio::co_spawn(pool_.executor_of(0), run, asio::use_future);
    }
    ScriptedClient& a() { return *clients_.at("a:1"); }
    ScriptedClient& b() { return *clients_.at("b:1"); }

    net::NetPool pool_{"net", 1};
    std::map<std::string, std::shared_ptr<ScriptedClient>> clients_;
    CatalogCache catalog_;
    SlaveDirectory slaves_{{"a:1", "b:1"}, [this](const std::string& address) {
                               auto client = std::make_shared<ScriptedClient>(address);
                               clients_[address] = client;
                               return client;
                           }};
    RouteTable routes_{catalog_, slaves_};
    PartitionCaller caller_{routes_, RetryOptions{milliseconds(300), milliseconds(1500)}};
    AppendRouter router_{caller_};
    TablePtr table_;
    PartitionPlacement placed_;
};

TEST_F(CopiesRoutingTest, WhatALeaderCannotTakeTheNextOneGetsInItsEpoch) {
    place({kA, kB});
    a().then(std::vector<Answer>(100, {Answer::Kind::not_reached}));
    auto appended = append();
    ASSERT_TRUE(eventually([&] { return a().requests().size() >= 2; }));
    lead(kB);
    const auto results = appended.get();
    ASSERT_TRUE(results[0].appended) << results[0].error->to_text();
    const auto sent = b().requests();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].partitions[0].leader_epoch, LeaderEpoch{2});
    EXPECT_EQ(sent[0].batch_id, a().requests()[0].batch_id);
    EXPECT_EQ(sent[0].sequence, a().requests()[0].sequence);
    EXPECT_GT(sent[0].sequence, 0u);
}

TEST_F(CopiesRoutingTest, ALostAnswerIsAskedForAndTheRepeatIsNotSeen) {
    place({kA, kB});
    a().then({{Answer::Kind::lost}, {Answer::Kind::duplicate}});
    const auto results = append().get();
    ASSERT_TRUE(results[0].appended) << results[0].error->to_text();
    EXPECT_FALSE(results[0].appended->duplicate);
    // With an id of the client's it is seen.
    a().then({{}, {}, {Answer::Kind::lost}, {Answer::Kind::duplicate}});
    const auto named = append(BatchId{"mine"}).get();
    ASSERT_TRUE(named[0].appended);
    EXPECT_TRUE(named[0].appended->duplicate);
    EXPECT_EQ(a().requests().back().batch_id, "mine");
}

TEST_F(CopiesRoutingTest, ASlaveThatHangsIsLeftWhenAnotherLeads) {
    place({kA, kB});
    a().then({{Answer::Kind::hangs}});
    auto appended = append();
    ASSERT_TRUE(eventually([&] { return a().requests().size() == 1; }));
    const auto began = steady_clock::now();
    lead(kB);
    const auto results = appended.get();
    ASSERT_TRUE(results[0].appended) << results[0].error->to_text();
    EXPECT_LT(steady_clock::now() - began, milliseconds(5000));
    EXPECT_EQ(b().requests().size(), 1u);
}

TEST_F(CopiesRoutingTest, WhatASlaveSaysOfAPartitionIsAskedAgain) {
    place({kA, kB});
    a().then({{Answer::Kind::part_error, ErrorCode::not_leader},
              {Answer::Kind::part_error, ErrorCode::unknown_outcome},
              {Answer::Kind::part_error, ErrorCode::unavailable}});
    const auto results = append().get();
    ASSERT_TRUE(results[0].appended) << results[0].error->to_text();
    EXPECT_EQ(a().requests().size(), 4u);
}

TEST_F(CopiesRoutingTest, AnErrorThatIsNoMatterOfLeadersIsTold) {
    place({kA, kB});
    a().then({{Answer::Kind::part_error, ErrorCode::disk_full}});
    const auto results = append().get();
    ASSERT_TRUE(results[0].error);
    EXPECT_EQ(results[0].error->code, ErrorCode::disk_full);
    // But not when an earlier try may have been written.
    a().then({{},
              {Answer::Kind::part_error, ErrorCode::unknown_outcome},
              {Answer::Kind::part_error, ErrorCode::disk_full}});
    const auto unknown = append().get();
    ASSERT_TRUE(unknown[0].error);
    EXPECT_EQ(unknown[0].error->code, ErrorCode::unknown_outcome);
}

TEST_F(CopiesRoutingTest, APartitionWithoutALeaderNamesWhoIsNeeded) {
    place({kA, kB});
    placed_.leader = NodeId{};
    placed_.in_sync = {};
    placed_.eligible = {kB};
    put();
    const auto led = routes_.of(*table_).leader_address(PartitionId{0});
    ASSERT_FALSE(led);
    EXPECT_EQ(led.error().to_text(),
              "UNAVAILABLE: partition 0 of table 't' has no leader: b:1 had all its rows when last heard of; "
              "one of these must be running (cluster_status says more)");
}

TEST_F(CopiesRoutingTest, EachSlaveThatLagsBehindAnAlterIsToldTheSchema) {
    place({kA, kB});
    put_two();
    a().then({{Answer::Kind::refused, ErrorCode::schema_mismatch}});
    b().then({{Answer::Kind::refused, ErrorCode::schema_mismatch}});
    const auto results = append({}, milliseconds(20'000), 2).get();
    ASSERT_EQ(results.size(), 2u);
    for (const auto& one : results)
        EXPECT_FALSE(one.error) << one.error->to_text();
    EXPECT_EQ(a().schemas_told, 1);
    EXPECT_EQ(b().schemas_told, 1);
}

TEST_F(CopiesRoutingTest, NobodyIsWaitedForForever) {
    place({kA, kB});
    lead(NodeId{});
    const auto began = steady_clock::now();
    const auto results = append().get();
    ASSERT_TRUE(results[0].error);
    EXPECT_EQ(results[0].error->code, ErrorCode::unavailable);
    const auto took = steady_clock::now() - began;
    EXPECT_GE(took, milliseconds(1000));
    EXPECT_LT(took, milliseconds(10'000));
}

TEST_F(CopiesRoutingTest, OneCopyHasNoIdOfTheMastersAndIsNotRepeated) {
    place({kA});
    a().then({{}, {Answer::Kind::lost}});
    ASSERT_TRUE(append().get()[0].appended);
    EXPECT_EQ(a().requests()[0].batch_id, "");
    const auto results = append().get();
    ASSERT_TRUE(results[0].error);
    EXPECT_EQ(results[0].error->code, ErrorCode::unknown_outcome);
    EXPECT_EQ(a().requests().size(), 2u);
}

TEST(OwnBatchIds, AreOfFewProducersWithOneBatchUnderWayEach) {
    OwnBatchIds ids;
    std::string first;
    {
        const auto one = ids.take();
        const auto other = ids.take();
        first = one.id().text;
        EXPECT_NE(one.id().text, other.id().text);
        EXPECT_LE(one.id().text.size(), limits::batch_id_bytes_max);
        EXPECT_EQ(one.id().sequence, 1u);
    }
    const auto again = ids.take();
    EXPECT_EQ(again.id().text, first);
    EXPECT_EQ(again.id().sequence, 2u);
}

}  // namespace
}  // namespace dl::master
