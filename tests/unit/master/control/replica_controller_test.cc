#include "master/control/replica_controller.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <filesystem>
#include <mutex>
#include <thread>

#include "common/net/net_pool.h"
#include "common/rpc/messages/copy_messages.h"
#include "common/rpc/messages/replica_messages.h"
#include "common/rpc/rpc_server.h"
#include "master/catalog/schema_change.h"
#include "tests/support/eventually.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;
using dl::test::eventually;
using std::chrono::milliseconds;

// A slave that has copies by name only.
class FakeNode {
  public:
    FakeNode(net::NetPool& pool, int number) : pool_(pool), incarnation_("i" + std::to_string(number)) {
        listen("127.0.0.1:0");
    }
    ~FakeNode() { kill(); }
    void kill() {
        if (!server_) return;
        EXPECT_TRUE(server_->stop(milliseconds(0)));
        server_.reset();
    }
    void start_anew() {
        kill();
        {
            std::lock_guard lock(mutex_);
            ++process_;
        }
        listen(address_);
    }
    std::string address() const { return address_; }
    const std::string& incarnation() const { return incarnation_; }
    void set_id(NodeId id) { id_ = id; }
    void freeze(bool frozen) { frozen_ = frozen; }
    void refuse_assignments(bool refuse) { refuse_ = refuse; }
    void stop_soon() { stopping_ = true; }
    void forget() {
        std::lock_guard lock(mutex_);
        heard_.clear();
    }
    void propose(rpc::ReplicaProposal proposal) {
        std::lock_guard lock(mutex_);
        proposals_.push_back(std::move(proposal));
    }
    std::optional<rpc::ReplicaAssignment> assignment(std::uint32_t partition) const {
        std::lock_guard lock(mutex_);
        for (const auto& [ref, assigned] : heard_)
            if (ref.partition.value == partition) return assigned;
        return std::nullopt;
    }
    std::size_t assigned() const {
        std::lock_guard lock(mutex_);
        return heard_.size();
    }
    std::size_t created() const { return created_; }
    std::vector<rpc::DropCopyRequest> dropped() const {
        std::lock_guard lock(mutex_);
        return dropped_;
    }
    rpc::HeartbeatRequest last_heartbeat() const {
        std::lock_guard lock(mutex_);
        return last_;
    }
    int heartbeats() const { return heartbeats_; }
    // What it says that it has of every partition.
    void hold(Offset end, bool heard, bool serves = true) {
        std::lock_guard lock(mutex_);
        held_.log_end = end;
        held_.last_epoch = 1;
        held_.heard = heard;
        held_.serves = serves;
    }

  private:
    void listen(const std::string& address) {
        std::map<rpc::Method, rpc::RpcHandler> handlers;
        for (const auto method : {rpc::Method::heartbeat, rpc::Method::assign_replicas,
                                  rpc::Method::create_table, rpc::Method::drop_table, rpc::Method::drop_copy})
            handlers[method] = [this, method](rpc::RpcCall& call) { return handle(method, call); };
        auto server = rpc::RpcServer::listen(pool_.executor_of(0), address, std::move(handlers));
        ASSERT_TRUE(server.has_value()) << server.error().to_text();
        server_ = *server;
        address_ = "127.0.0.1:" + std::to_string(server_->port());
    }
    asio::awaitable<Result<std::string>> handle(rpc::Method method, rpc::RpcCall& call) {
        while (frozen_ && !call.cancelled()) {
            asio::steady_timer timer(co_await asio::this_coro::executor, milliseconds(5));
            boost::system::error_code ignored;
            co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
        std::lock_guard lock(mutex_);
        if (method == rpc::Method::create_table) {
            ++created_;
            co_return "{}";
        }
        if (method == rpc::Method::assign_replicas) {
            const auto request = rpc::decode_request<rpc::AssignReplicasRequest>(call.json()).value();
            if (refuse_) co_return make_error(ErrorCode::io_error, "a disk that does not");
            if (request.controller != last_.controller)
                co_return make_error(ErrorCode::not_leader, "of another controller");
            for (const auto& assigned : request.partitions) {
                auto& known = heard_[assigned.replica];
                if (known.version < assigned.version) known = assigned;
            }
            co_return "{}";
        }
        if (method == rpc::Method::drop_copy) {
            const auto request = rpc::decode_request<rpc::DropCopyRequest>(call.json()).value();
            if (refuse_) co_return make_error(ErrorCode::io_error, "a disk that does not");
            dropped_.push_back(request);
            heard_.erase(request.replica);
            co_return "{}";
        }
        if (method != rpc::Method::heartbeat) co_return "{}";
        last_ = rpc::decode_request<rpc::HeartbeatRequest>(call.json()).value();
        ++heartbeats_;
        rpc::HeartbeatReply reply;
        reply.node_id = id_;
        reply.incarnation = incarnation_;
        reply.process = "process" + std::to_string(process_) + "        ";
        reply.process.resize(16, '0');
        reply.sequence = ++sequence_;
        reply.stopping = stopping_;
        for (const auto& [ref, assigned] : heard_)
            if (std::find(assigned.replicas.begin(), assigned.replicas.end(), id_) != assigned.replicas.end())
                reply.assignments += rpc::assignment_digest(ref, assigned.version);
        reply.proposals = std::exchange(proposals_, {});
        for (const auto& ref : last_.asked) {
            reply.reports.push_back(held_);
            reply.reports.back().replica = ref;
        }
        co_return rpc::encode(reply);
    }

    net::NetPool& pool_;
    const std::string incarnation_;
    std::string address_;
    std::shared_ptr<rpc::RpcServer> server_;
    NodeId id_;
    std::atomic<bool> frozen_{false}, refuse_{false}, stopping_{false};
    std::atomic<int> heartbeats_{0};
    std::atomic<std::size_t> created_{0};
    mutable std::mutex mutex_;
    int process_ = 1;
    std::uint64_t sequence_ = 0;
    rpc::HeartbeatRequest last_;
    rpc::CopyReport held_;
    std::vector<rpc::DropCopyRequest> dropped_;
    std::map<rpc::ReplicaRef, rpc::ReplicaAssignment> heard_;
    std::vector<rpc::ReplicaProposal> proposals_;
};

class ReplicaControllerTest : public ::testing::Test {
  protected:
    void SetUp() override {
        directory_ = ::testing::TempDir() + "controller_" + std::to_string(::getpid()) + "_" +
                     ::testing::UnitTest::GetInstance()->current_test_info()->name();
        std::filesystem::remove_all(directory_);
        catalog_ = std::move(*Catalog::open(directory_));
        std::vector<std::string> addresses;
        for (int i = 0; i < 3; ++i) {
            nodes_.push_back(std::make_unique<FakeNode>(pool_, i));
            auto& node = *nodes_.back();
            addresses.push_back(node.address());
            ids_.push_back(catalog_->register_node(node.address(), {}, node.incarnation()).value().id);
            node.set_id(ids_.back());
            node.hold(10, true);
        }
        slaves_ = std::make_unique<SlaveDirectory>(addresses, [this](const std::string& address) {
            rpc::RpcClientOptions options;
            options.backoff_first = options.backoff_max = milliseconds(20);
            return rpc::RpcClient::create(pool_.executor(), address, options);
        });
        start();
    }
    void TearDown() override {
        controller_.reset();
        work_.stop();
        nodes_.clear();
        pool_.stop();
        catalog_.reset();
        std::filesystem::remove_all(directory_);
    }
    void start() {
        ReplicaOptions options;
        options.times = {milliseconds(30), milliseconds(300), milliseconds(500)};
        options.election_wait = election_wait_;
        options.hand_back_interval = milliseconds(50);
        options.hand_back_after = milliseconds(100);
        controller_ = std::make_unique<ReplicaController>(*catalog_, *slaves_, work_, options);
        controller_->start(pool_.executor_of(1));
    }
    // Partition i: first copy on node i % 3.
    TableId add_table(std::uint32_t partitions, std::uint32_t copies) {
        TableDefinition definition;
        definition.name = "t";
        definition.columns = {{"id", "int", true, {}}};
        definition.major_key = "id";
        definition.partitions = partitions;
        definition.copies = copies;
        auto meta = build_table(definition, 7).value();
        meta.incarnation = 77;
        meta.id = catalog_->reserve_table(ids_, 77).value();
        TablePlacement placement;
        placement.partitions =
            plan_copies(ids_, {}, {}, partitions, {copies, default_min_in_sync(copies)}).value();
        table_ = catalog_->add_table(meta, placement).value()->id;
        auto announce = [this]() -> asio::awaitable<void> {
            return controller_->announce(table_, std::chrono::steady_clock::now() + std::chrono::seconds(2));
        };
        asio::co_spawn(pool_.executor_of(0), announce, asio::use_future).get();
        return table_;
    }
    PartitionPlacement placed(std::uint32_t partition) const {
        return catalog_->tables().placement(table_)->partitions.at(partition);
    }
    void stop_all() {
        controller_.reset();
        for (const auto& node : nodes_) {
            node->kill();
            node->forget();
        }
    }
    // Of the leader of partition 0, as one that was started anew.
    rpc::ReplicaProposal resignation() const {
        rpc::ReplicaProposal asked;
        asked.replica = {table_, 77, PartitionId{0}};
        asked.leader_epoch = placed(0).leader_epoch;
        asked.version = placed(0).version;
        asked.resigns = true;
        return asked;
    }
    bool all_live() const { return controller_->states().live.size() == 3; }

    std::string directory_;
    net::NetPool pool_{"net", 2};
    WorkerPool work_{"work", 2};
    std::unique_ptr<Catalog> catalog_;
    std::vector<std::unique_ptr<FakeNode>> nodes_;
    std::vector<NodeId> ids_;
    std::unique_ptr<SlaveDirectory> slaves_;
    std::unique_ptr<ReplicaController> controller_;
    TableId table_;
    milliseconds election_wait_{10'000};
};

TEST_F(ReplicaControllerTest, ANewTableIsKnownToItsNodesWhenAnnounced) {
    ASSERT_TRUE(eventually([&] { return all_live(); }));
    add_table(6, 2);
    for (const auto& node : nodes_)
        EXPECT_EQ(node->assigned(), 4u);
    EXPECT_EQ(nodes_[0]->assignment(0)->leader, ids_[0]);
    // Its heartbeats name the process and the last reply.
    ASSERT_TRUE(eventually([&] { return nodes_[0]->last_heartbeat().answers > 0; }));
    EXPECT_EQ(nodes_[0]->last_heartbeat().lease_ms, 300u);
    EXPECT_EQ(nodes_[0]->last_heartbeat().process.size(), 16u);
}

TEST_F(ReplicaControllerTest, ADeadNodesLeadershipsGoToThoseInSyncAndComeBack) {
    ASSERT_TRUE(eventually([&] { return all_live(); }));
    add_table(6, 2);
    const auto began = std::chrono::steady_clock::now();
    nodes_[0]->kill();
    ASSERT_TRUE(eventually([&] { return placed(0).leader == ids_[1]; }));
    EXPECT_LT(std::chrono::steady_clock::now() - began, milliseconds(450))
        << "a refused connection is enough";
    EXPECT_EQ(placed(0).leader_epoch, LeaderEpoch{2});
    EXPECT_EQ(placed(0).in_sync, std::vector<NodeId>{ids_[1]});
    ASSERT_TRUE(eventually([&] { return nodes_[1]->assignment(0)->leader == ids_[1]; }));
    nodes_[0]->start_anew();
    ASSERT_TRUE(eventually([&] { return nodes_[0]->assignment(0)->leader == ids_[1]; })) << "it is told";
    rpc::ReplicaProposal asked;
    asked.replica = {table_, 77, PartitionId{0}};
    asked.leader_epoch = placed(0).leader_epoch;
    asked.version = placed(0).version;
    asked.in_sync = {ids_[1], ids_[0]};
    nodes_[1]->propose(asked);
    ASSERT_TRUE(eventually([&] { return placed(0).leader == ids_[0]; })) << "the first copy leads again";
    EXPECT_EQ(placed(0).leader_epoch, LeaderEpoch{3});
}

TEST_F(ReplicaControllerTest, OneThatIsBackFirstDoesNotLeadOverOneThatHoldsMore) {
    ASSERT_TRUE(eventually([&] { return all_live(); }));
    add_table(3, 2);
    stop_all();
    nodes_[0]->hold(5, false);  // a backup was put back
    nodes_[0]->start_anew();
    nodes_[0]->propose(resignation());
    start();
    std::this_thread::sleep_for(milliseconds(800));
    EXPECT_EQ(placed(0).leader_epoch, LeaderEpoch{1}) << "nobody is elected while the other is away";
    EXPECT_EQ(placed(0).in_sync.size(), 2u);
    nodes_[1]->hold(10, false);
    nodes_[1]->start_anew();
    ASSERT_TRUE(eventually([&] { return placed(0).leader == ids_[1]; }));
}

TEST_F(ReplicaControllerTest, OneThatStaysAwayIsNotWaitedForWithoutEnd) {
    ASSERT_TRUE(eventually([&] { return all_live(); }));
    add_table(3, 2);
    stop_all();
    election_wait_ = milliseconds(600);
    nodes_[0]->hold(5, false);
    nodes_[0]->start_anew();
    nodes_[0]->propose(resignation());
    start();
    ASSERT_TRUE(eventually([&] { return placed(0).leader_epoch > LeaderEpoch{1}; }));
    EXPECT_EQ(placed(0).leader, ids_[0]);
    EXPECT_EQ(placed(0).in_sync, std::vector<NodeId>{ids_[0]});
}

TEST_F(ReplicaControllerTest, ALeaderThatResignsOnceIsReplacedWhenAllHaveSaid) {
    ASSERT_TRUE(eventually([&] { return all_live(); }));
    add_table(3, 3);
    nodes_[0]->hold(0, false, false);
    nodes_[1]->hold(8, true);
    nodes_[0]->propose(resignation());
    ASSERT_TRUE(eventually([&] { return placed(0).leader == ids_[1] || placed(0).leader == ids_[2]; }));
    EXPECT_EQ(placed(0).leader, ids_[2]);
    EXPECT_EQ(placed(0).leader_epoch, LeaderEpoch{2});
}

TEST_F(ReplicaControllerTest, ASilentNodeKeepsItsLeadershipsUntilItsLeaseIsOver) {
    ASSERT_TRUE(eventually([&] { return all_live(); }));
    add_table(3, 3);
    const auto began = std::chrono::steady_clock::now();
    nodes_[0]->freeze(true);
    ASSERT_TRUE(eventually([&] { return placed(0).leader != ids_[0]; }));
    const auto took = std::chrono::steady_clock::now() - began;
    EXPECT_GE(took, milliseconds(400));
    EXPECT_LT(took, milliseconds(2000));
    nodes_[0]->freeze(false);
    ASSERT_TRUE(eventually([&] { return all_live(); }));
    EXPECT_NE(placed(0).leader, ids_[0]) << "it is not in sync";
}

TEST_F(ReplicaControllerTest, AProcessThatIsAnotherGetsNewEpochs) {
    ASSERT_TRUE(eventually([&] { return all_live(); }));
    add_table(3, 2);
    EXPECT_EQ(placed(0).leader_epoch, LeaderEpoch{1});
    nodes_[0]->start_anew();
    ASSERT_TRUE(eventually([&] { return placed(0).leader_epoch > LeaderEpoch{1}; }));
    EXPECT_NE(placed(0).leader, NodeId{});
}

TEST_F(ReplicaControllerTest, ANodeThatStopsHandsOverFirst) {
    ASSERT_TRUE(eventually([&] { return all_live(); }));
    add_table(3, 2);
    nodes_[0]->stop_soon();
    ASSERT_TRUE(eventually([&] { return placed(0).leader == ids_[1]; }));
    EXPECT_EQ(placed(0).in_sync.size(), 2u) << "it is still there";
}

TEST_F(ReplicaControllerTest, AssignmentsAreRepeatedUntilTheDigestFits) {
    ASSERT_TRUE(eventually([&] { return all_live(); }));
    add_table(6, 3);
    nodes_[1]->forget();
    ASSERT_TRUE(eventually([&] { return nodes_[1]->assigned() == 6u; })) << "it has lost them";
    nodes_[1]->refuse_assignments(true);
    nodes_[0]->kill();
    ASSERT_TRUE(eventually([&] { return placed(0).leader != ids_[0]; }));
    EXPECT_EQ(nodes_[1]->assignment(0)->leader, ids_[0]);
    nodes_[1]->refuse_assignments(false);
    ASSERT_TRUE(eventually([&] { return nodes_[1]->assignment(0)->leader == placed(0).leader; }));
}

TEST_F(ReplicaControllerTest, ANewControllerTellsNothingThatIsKnown) {
    ASSERT_TRUE(eventually([&] { return all_live(); }));
    add_table(6, 3);
    const auto before = placed(0);
    controller_.reset();
    start();
    ASSERT_TRUE(eventually([&] { return all_live(); }));
    const auto seen = nodes_[0]->heartbeats();
    ASSERT_TRUE(eventually([&] { return nodes_[0]->heartbeats() > seen + 5; }));
    EXPECT_EQ(placed(0), before) << "nobody is dead for it before it has asked";
}

TEST_F(ReplicaControllerTest, CopiesAreAddedOnOtherNodes) {
    ASSERT_TRUE(eventually([&] { return all_live(); }));
    add_table(3, 1);
    EXPECT_EQ(nodes_[0]->assigned(), 0u) << "one copy needs no assignment";
    const auto table = catalog_->find("t").value();
    ASSERT_TRUE(catalog_->set_copies(*table, 2).has_value());
    ASSERT_TRUE(eventually([&] { return placed(0).adding.size() == 1; }));
    std::size_t created = 0;
    ASSERT_TRUE(eventually([&] {
        created = 0;
        for (const auto& node : nodes_)
            created += node->created();
        return created >= 2 && nodes_[0]->assigned() + nodes_[1]->assigned() + nodes_[2]->assigned() == 6;
    })) << created;
    EXPECT_EQ(catalog_->find("t").value()->copies, 2u);
}

TEST_F(ReplicaControllerTest, ACopyThatIsNoLongerWantedIsRemovedLastAndUntilItIs) {
    ASSERT_TRUE(eventually([&] { return all_live(); }));
    add_table(1, 3);
    nodes_[2]->refuse_assignments(true);
    const auto table = catalog_->find("t").value();
    ASSERT_TRUE(catalog_->set_copies(*table, 2).has_value());
    ASSERT_TRUE(eventually([&] { return placed(0).removing == std::vector<NodeId>{ids_[2]}; }));
    EXPECT_EQ(placed(0).in_sync, (std::vector<NodeId>{ids_[0], ids_[1]}));
    std::this_thread::sleep_for(milliseconds(100));
    EXPECT_TRUE(nodes_[2]->dropped().empty()) << "it has not been told yet that it is none";
    // Another controller carries on.
    controller_.reset();
    start();
    nodes_[2]->refuse_assignments(false);
    ASSERT_TRUE(eventually([&] { return placed(0).removing.empty(); }));
    const auto dropped = nodes_[2]->dropped();
    ASSERT_FALSE(dropped.empty());
    EXPECT_EQ(dropped.back().replica, (rpc::ReplicaRef{table_, 77, PartitionId{0}}));
    EXPECT_EQ(dropped.back().process.size(), 16u);
    EXPECT_TRUE(nodes_[0]->dropped().empty());
    EXPECT_EQ(placed(0).replicas, (std::vector<NodeId>{ids_[0], ids_[1]}));
}

}  // namespace
}  // namespace dl::master
