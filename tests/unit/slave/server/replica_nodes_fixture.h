// Three slaves in one process that keep copies of one partition, and a controller that does what the test
// says: real logs and sockets.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include "common/rpc/messages/append_messages.h"
#include "common/rpc/messages/copy_messages.h"
#include "common/rpc/messages/node_messages.h"
#include "common/rpc/messages/read_messages.h"
#include "common/rpc/messages/replica_messages.h"
#include "common/rpc/messages/upkeep_messages.h"
#include "common/rpc/rpc_client.h"
#include "slave/server/slave_node.h"
#include "slave/server/slave_settings.h"
#include "tests/support/eventually.h"
#include "tests/unit/common/net/run_coroutine.h"
#include "tests/unit/slave/handlers/fake_slave.h"

namespace dl::slave {

namespace asio = boost::asio;
using dl::test::eventually;
using dl::test::in_ms;
using rpc::Method;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

inline constexpr std::uint64_t kTable = 5;

inline TableMeta make_table() {
    auto table = test::make_table(kTable, 1);
    table.incarnation = 1005;
    return table;
}

class ReplicaNodes : public ::testing::Test {
  protected:
    static constexpr std::size_t kNodes = 3;
    ReplicaNodes() {
        std::string pattern = ::testing::TempDir() + "replica_nodes_XXXXXX";
        root_ = ::mkdtemp(pattern.data());
        set_log_level(std::getenv("DL_TEST_LOG") != nullptr ? LogLevel::info : LogLevel::off);
        assignment_.replica = {TableId{kTable}, 1005, PartitionId{0}};
        assignment_.leader_epoch = LeaderEpoch{1};
        assignment_.version = 1;
        assignment_.leader = NodeId{1};
        assignment_.in_sync = assignment_.replicas = {NodeId{1}, NodeId{2}, NodeId{3}};
        assignment_.min_in_sync = 2;
        for (std::size_t i = 0; i < kNodes; ++i) {
            start(i);
            join(i);
        }
        heart_ = std::thread([this] { beat(); });
    }
    void join(std::size_t i) {
        {
            rpc::RegisterNodeRequest member{NodeId{std::uint32_t(i + 1)}, cluster_, false, {}};
            EXPECT_TRUE(call(i, Method::register_node, rpc::encode(member)).has_value());
            rpc::CreateTableRequest request{cluster_, make_table(), {{PartitionId{0}, LeaderEpoch{1}}}, true};
            const auto created = call(i, Method::create_table, rpc::encode(request));
            EXPECT_TRUE(created.has_value()) << created.error().to_text();
        }
    }
    ~ReplicaNodes() override {
        stopping_ = true;
        heart_.join();
        for (auto& node : nodes_)
            stop(node);
        pool_.stop();
        set_log_level(LogLevel::info);
        std::filesystem::remove_all(root_);
    }
    struct Node {
        std::string address = "127.0.0.1:0";
        std::unique_ptr<SlaveNode> slave;
        std::shared_ptr<rpc::RpcClient> client;
        bool beats = true;
        std::string process;
        std::uint64_t answers = 0;
        std::vector<rpc::ReplicaProposal> proposals;
        std::uint64_t digest = 0;
    };
    void start(std::size_t i) {
        auto& node = nodes_[i];
        auto loaded = Config::load("", slave_config_keys(), {},
                                   {{"slave.node", node.address},
                                    {"slave.data", root_ + "/" + std::to_string(i)},
                                    {"slave.disk.free.bytes.min", "0"},
                                    {"slave.query.threads", "1"},
                                    {"slave.file.segment.bytes", "64k"},
                                    {"slave.replica.lag.ms", "500"},
                                    {"slave.compaction.bytes.per.second", refill_rate_},
                                    {"slave.stop.grace.ms", "200"}});
        auto started = SlaveNode::start(slave_settings(*loaded), "test");
        ASSERT_TRUE(started.has_value()) << started.error().to_text();
        const std::lock_guard lock(mutex_);
        node.slave = std::move(*started);
        node.address = "127.0.0.1:" + std::to_string(node.slave->port());
        node.client = rpc::RpcClient::create(pool_.executor_of(0), node.address);
    }
    void stop(Node& node) {
        std::unique_ptr<SlaveNode> slave;
        {
            const std::lock_guard lock(mutex_);
            slave = std::move(node.slave);
            node.client.reset();
            node.process.clear();
            node.answers = 0;
        }
        slave.reset();
    }
    Result<rpc::RpcReply> call(std::size_t i, Method method, std::string json,
                               std::vector<SharedBytes> attached = {}, int ms = 10000) {
        std::shared_ptr<rpc::RpcClient> client;
        {
            const std::lock_guard lock(mutex_);
            client = nodes_[i].client;
        }
        if (client == nullptr) return make_error(ErrorCode::unavailable, "stopped");
        return dl::test::run(pool_.executor_of(0), [&]() -> asio::awaitable<Result<rpc::RpcReply>> {
            auto reply = co_await client->call(method, json, attached, in_ms(ms));
            co_return std::move(reply);
        });
    }
    void beat() {
        while (!stopping_) {
            for (std::size_t i = 0; i < kNodes; ++i) {
                rpc::HeartbeatRequest request;
                {
                    const std::lock_guard lock(mutex_);
                    if (!nodes_[i].beats || nodes_[i].client == nullptr) continue;
                    request = {cluster_, std::string(16, 'd'), nodes_[i].process, nodes_[i].answers, 1000};
                }
                const auto reply = call(i, Method::heartbeat, rpc::encode(request), {}, 500);
                if (reply.has_error()) continue;
                const auto said = *rpc::decode_reply<rpc::HeartbeatReply>(reply->end_json);
                const std::lock_guard lock(mutex_);
                nodes_[i].process = said.process;
                nodes_[i].answers = said.sequence;
                nodes_[i].proposals = said.proposals;
                nodes_[i].digest = said.assignments;
            }
            std::this_thread::sleep_for(milliseconds(20));
        }
    }
    void assign() {
        rpc::AssignReplicasRequest request;
        request.cluster_id = cluster_;
        request.controller = std::string(16, 'd');
        request.partitions = {assignment_};
        {
            const std::lock_guard lock(mutex_);
            for (std::size_t i = 0; i < kNodes; ++i)
                request.nodes.push_back({NodeId{std::uint32_t(i + 1)}, nodes_[i].address});
        }
        for (std::size_t i = 0; i < kNodes; ++i) {
            {
                const std::lock_guard lock(mutex_);
                if (nodes_[i].client == nullptr || !nodes_[i].beats) continue;
            }
            // Heartbeats may not have come yet.
            EXPECT_TRUE(eventually([&] {
                const auto told = call(i, Method::assign_replicas, rpc::encode(request));
                return told.has_value() || told.error().code != ErrorCode::not_leader;
            }));
        }
    }
    void elect(std::uint32_t leader, std::vector<NodeId> in_sync) {
        ++assignment_.version;
        assignment_.leader_epoch = LeaderEpoch{assignment_.leader_epoch.value + 1};
        assignment_.leader = NodeId{leader};
        assignment_.in_sync = std::move(in_sync);
        assign();
    }
    std::string append(std::size_t i, std::int64_t first, std::uint32_t rows = 1, std::string batch_id = "",
                       int ms = 10000) {
        const auto body = test::make_body(first, rows);
        rpc::AppendRequest request;
        request.table = {TableId{kTable}, "t5", 1005};
        request.schema = SchemaId{1};
        request.batch_id = std::move(batch_id);
        request.partitions.push_back({PartitionId{0}, assignment_.leader_epoch, rows,
                                      static_cast<std::uint32_t>(body.size()),
                                      crc32c(0, body.data(), body.size())});
        const auto text = call(i, Method::append, rpc::encode(request), {SharedBytes::from_string(body)}, ms);
        if (text.has_error()) return text.error().to_text();
        const auto reply = rpc::decode_reply<rpc::AppendReply>(text->end_json);
        const auto& part = reply->partitions.at(0);
        if (!part.appended) return part.error->to_text();
        return std::to_string(part.appended->first) + "-" + std::to_string(part.appended->last) +
               (part.appended->duplicate ? " again" : "");
    }
    // Repeats what was refused because copies have yet to be heard of.
    std::string append_soon(std::size_t i, std::int64_t first, std::uint32_t rows = 1,
                            const std::string& batch_id = "") {
        std::string text;
        eventually([&] {
            text = append(i, first, rows, batch_id);
            return text.find("NOT_LEADER") == text.npos && text.find("UNAVAILABLE") == text.npos;
        });
        return text;
    }
    // Where a leader says that its records end; its error otherwise.
    std::string end(std::size_t i) {
        rpc::OffsetsRequest request;
        request.table = {TableId{kTable}, "t5", 1005};
        request.partitions = {{PartitionId{0}, assignment_.leader_epoch}};
        const auto text = call(i, Method::offsets, rpc::encode(request));
        if (text.has_error()) return text.error().to_text();
        return std::to_string(rpc::decode_reply<rpc::OffsetsReply>(text->end_json)->partitions.at(0).end);
    }
    // Bytes of the partition's log on a node; how far it was synced by then, which each says for itself, as
    // 0.
    std::string log_of(std::size_t i) {
        std::string all;
        std::vector<std::filesystem::path> files;
        for (const auto& file :
             std::filesystem::recursive_directory_iterator(root_ + "/" + std::to_string(i)))
            if (file.path().extension() == ".log") files.push_back(file.path());
        std::sort(files.begin(), files.end());
        for (const auto& file : files) {
            auto bytes = *posix_file_system().read_all(file.string());
            while (!bytes.empty() && bytes.back() == '\0')
                bytes.pop_back();  // allocated ahead
            for (std::size_t at = 0; at + RecordBatchHeader::kHeaderBytes <= bytes.size();) {
                auto header = decode_record_batch_header(std::string_view(bytes).substr(at));
                if (header.has_error()) break;
                header->synced_end = 0;
                encode_record_batch_header(*header, bytes.data() + at);
                at += header->total_bytes();
            }
            all += bytes;
        }
        return all;
    }
    // Live rows and their digest, and what is wrong, as the check of a node tells.
    std::string checked(std::size_t i) {
        rpc::CheckRequest request;
        request.table = {TableId{kTable}, "t5", 1005};
        request.partitions = {PartitionId{0}};
        request.timeout_ms = 60000;
        const auto reply = call(i, Method::check, rpc::encode(request), {}, 60000);
        if (reply.has_error()) return reply.error().to_text();
        const auto row = *rpc::decode_message<rpc::CheckRow>(reply->data.at(0).view());
        return std::to_string(row.live_rows) + " " + row.hash +
               (row.problems.empty() ? "" : " " + row.problems[0]);
    }
    std::vector<rpc::ReplicaProposal> proposals(std::size_t i) {
        const std::lock_guard lock(mutex_);
        return nodes_[i].proposals;
    }
    // Takes over what the leader asks for.
    bool accept_proposal(std::size_t i, std::vector<NodeId> expected) {
        return eventually([&] {
            const auto asked = proposals(i);
            if (asked.empty() || asked[0].version != assignment_.version || asked[0].in_sync != expected)
                return false;
            ++assignment_.version;
            assignment_.in_sync = expected;
            assign();
            return true;
        });
    }
    void pause_heartbeats(std::size_t i, bool beats) {
        const std::lock_guard lock(mutex_);
        nodes_[i].beats = beats;
    }

    std::string refill_rate_ = "0";  // of nodes that are started from then on
    std::string cluster_ = std::string(32, 'c');
    std::string root_;
    net::NetPool pool_{"client", 1};
    std::mutex mutex_;
    std::array<Node, kNodes> nodes_;
    rpc::ReplicaAssignment assignment_;
    std::atomic<bool> stopping_{false};
    std::thread heart_;
};

}  // namespace dl::slave
