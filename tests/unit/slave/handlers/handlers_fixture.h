// All handlers behind a real server on loopback, over fakes, and the requests that tests of several of them
// send.
#pragma once

#include <gtest/gtest.h>
#include <snappy.h>

#include <boost/asio/steady_timer.hpp>

#include "common/net/process.h"
#include "common/record/columnar_frame.h"
#include "common/rpc/messages/append_messages.h"
#include "common/rpc/messages/upkeep_messages.h"
#include "common/rpc/rpc_client.h"
#include "slave/handlers/handlers.h"
#include "tests/support/eventually.h"
#include "tests/unit/common/net/run_coroutine.h"
#include "tests/unit/slave/handlers/fake_slave.h"

namespace dl::slave {

namespace asio = boost::asio;
using dl::test::in_ms;
using rpc::Method;
using test::make_body;
using namespace std::chrono_literals;

using dl::test::eventually;

// All handlers behind a real server on loopback, over fakes. Table 1 has partitions 0 to 3.
class HandlersTest : public ::testing::Test {
  protected:
    HandlersTest() {
        context_.tables = &registry_;
        context_.queries = &queries_;
        context_.work_pool = &work_;
        context_.tables_pool = &work_;
        context_.query_pool = &query_;
        context_.query_slots = &slots_;
        context_.node = {"h:1", "1.2.3", "inc"};
        const auto table = test::make_table(1, 4);
        LeaderEpochs ids;
        for (std::uint32_t i = 0; i < 4; ++i)
            ids[PartitionId{i}] = LeaderEpoch{1};
        EXPECT_TRUE(registry_.create(table, ids, false, [] { return std::nullopt; }).has_value());
        server_ = *rpc::RpcServer::listen(pool_.executor_of(0), "127.0.0.1:0", make_handlers(context_));
        client_ =
            rpc::RpcClient::create(pool_.executor_of(1), "127.0.0.1:" + std::to_string(server_->port()));
    }
    ~HandlersTest() override {
        EXPECT_TRUE(server_->stop(0ms));
        client_.reset();
        pool_.stop();
    }

    Result<rpc::RpcReply> call(Method method, std::string json, std::vector<SharedBytes> attached = {},
                               int ms = 10000) {
        return dl::test::run(pool_.executor_of(1), [&]() -> asio::awaitable<Result<rpc::RpcReply>> {
            auto reply = co_await client_->call(method, json, attached, in_ms(ms));
            co_return std::move(reply);
        });
    }
    std::string error_of(Method method, std::string json, std::vector<SharedBytes> attached = {}) {
        const auto reply = call(method, std::move(json), std::move(attached));
        return reply.has_error() ? reply.error().to_text() : "no error: " + reply->end_json;
    }

    struct Part {
        std::uint32_t partition;
        std::string body;
        std::uint32_t rows;
    };
    static std::pair<std::string, std::vector<SharedBytes>> append_request(const std::vector<Part>& parts,
                                                                           int schema = 1) {
        rpc::AppendRequest request;
        request.table = {TableId{1}, "t1"};
        request.schema = SchemaId{static_cast<std::uint32_t>(schema)};
        std::vector<SharedBytes> attached;
        for (const auto& part : parts) {
            request.partitions.push_back({PartitionId{part.partition}, LeaderEpoch{1}, part.rows,
                                          static_cast<std::uint32_t>(part.body.size()),
                                          crc32c(0, part.body.data(), part.body.size())});
            attached.push_back(SharedBytes::from_string(part.body));
        }
        return {rpc::encode(request), attached};
    }
    std::string append(const std::vector<Part>& parts, int schema = 1) {
        auto [json, attached] = append_request(parts, schema);
        const auto reply = call(Method::append, json, attached);
        return reply.has_error() ? reply.error().to_text() : reply->end_json;
    }
    Offset end_of_all() {
        Offset sum = 0;
        for (std::uint32_t i = 0; i < 4; ++i)
            sum += registry_.fake(1, i)->end_offset();
        return sum;
    }

    net::NetPool pool_{"net", 2};
    WorkerPool work_{"work", 2}, query_{"query", 2};
    net::ByteBudget slots_{2};
    test::FakeRegistry registry_;
    test::FakeQueries queries_;
    HandlerContext context_;
    std::shared_ptr<rpc::RpcServer> server_;
    std::shared_ptr<rpc::RpcClient> client_;
};

inline std::string offsets_request(std::uint64_t table, std::vector<std::uint32_t> partitions,
                                   std::uint32_t epoch = 1) {
    rpc::OffsetsRequest request;
    request.table = {TableId{table}, "t" + std::to_string(table)};
    for (const auto partition : partitions)
        request.partitions.push_back({PartitionId{partition}, LeaderEpoch{epoch}});
    return rpc::encode(request);
}

inline std::string position(std::uint32_t partition, Offset offset) {
    return rpc::encode(rpc::PartitionPosition{PartitionId{partition}, LeaderEpoch{1}, offset});
}

inline std::string wait_request(std::uint32_t partition, std::uint64_t min_rows, std::int64_t wait_ms) {
    rpc::WaitRequest request;
    request.table = {TableId{1}, "t1"};
    request.partitions = {{PartitionId{partition}, LeaderEpoch{1}, 0}};
    request.min_rows = min_rows;
    request.wait_ms = wait_ms;
    return rpc::encode(request);
}

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace dl::slave
