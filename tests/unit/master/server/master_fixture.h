// A whole master in this process, on loopback, with scripted slaves behind it and a scripted SQL engine.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "master/control/health_monitor.h"
#include "master/server/master_server.h"
#include "tests/support/eventually.h"
#include "tests/unit/master/server/fake_coordinator.h"
#include "tests/unit/master/server/raw_client.h"
#include "tests/unit/master/server/scripted_slave.h"

namespace dl::master::testing {

class MasterFixture : public ::testing::Test {
  protected:
    void SetUp() override {
        static int number = 0;
        directory_ =
            ::testing::TempDir() + "master_" + std::to_string(::getpid()) + "_" + std::to_string(number++);
        slaves_.push_back(std::make_unique<FakeSlave>(pool_));
        slaves_.push_back(std::make_unique<FakeSlave>(pool_));
        start();
    }
    void TearDown() override {
        stop();
        slaves_.clear();
        pool_.stop();
        std::filesystem::remove_all(directory_);
    }
    virtual void configure(ServerOptions&) {}

    void start() {
        auto catalog = Catalog::open(directory_);
        ASSERT_TRUE(catalog.has_value()) << catalog.error().to_text();
        catalog_ = std::move(*catalog);
        std::vector<std::string> nodes;
        for (const auto& slave : slaves_)
            nodes.push_back(slave->address());
        directory_of_slaves_ = std::make_unique<SlaveDirectory>(nodes, [this](const std::string& address) {
            return rpc::RpcClient::create(pool_.executor(), address);
        });
        work_ = std::make_unique<WorkerPool>("work", 2);
        queries_pool_ = std::make_unique<WorkerPool>("query", 2);
        routes_ = std::make_unique<RouteTable>(catalog_->tables(), *directory_of_slaves_);
        nodes_ = std::make_unique<NodeRegistrar>(*catalog_, *directory_of_slaves_, *work_);
        tables_ =
            std::make_unique<TableManager>(*catalog_, *routes_, *nodes_, *work_, RetryOptions{slave_wait_});
        caller_ = std::make_unique<PartitionCaller>(*routes_, RetryOptions{slave_wait_});
        appends_ = std::make_unique<AppendRouter>(*caller_);
        reads_ = std::make_unique<ReadRouter>(*caller_);
        upkeep_ = std::make_unique<UpkeepRouter>(*caller_);
        points_ = std::make_unique<PointRouter>(*caller_);
        services_ = std::make_unique<Services>(Services{*catalog_,
                                                        *routes_,
                                                        *tables_,
                                                        *appends_,
                                                        *reads_,
                                                        *upkeep_,
                                                        *points_,
                                                        coordinator_,
                                                        *work_,
                                                        *queries_pool_,
                                                        work_bytes_,
                                                        query_slots_,
                                                        {},
                                                        open_results_,
                                                        running_});
        ServerOptions options;
        options.address = "127.0.0.1:0";
        options.session.frame_bytes_max = 1u << 20;
        configure(options);
        auto server = MasterServer::start(pool_, *services_, options);
        ASSERT_TRUE(server.has_value()) << server.error().to_text();
        server_ = std::move(*server);
    }
    void stop() {
        server_.reset();
        queries_pool_.reset();
        work_.reset();
        catalog_.reset();
    }
    std::uint16_t port() const { return server_->port(); }
    void create_t(RawClient& client, int partitions = 4) {
        EXPECT_EQ(
            client.sql(
                "create table t(id int primary key, name string, age long default 5) partition.number = " +
                std::to_string(partitions)),
            "ok");
    }
    std::int64_t rows_stored() const {
        std::int64_t rows = 0;
        for (const auto& slave : slaves_)
            for (std::uint32_t p = 0; p < 16; ++p)
                rows += slave->end(p);
        return rows;
    }

    std::chrono::milliseconds slave_wait_{300};
    std::string directory_;
    net::NetPool pool_{"net", 2};
    std::vector<std::unique_ptr<FakeSlave>> slaves_;
    std::unique_ptr<Catalog> catalog_;
    std::unique_ptr<SlaveDirectory> directory_of_slaves_;
    std::unique_ptr<WorkerPool> work_;
    std::unique_ptr<WorkerPool> queries_pool_;
    std::unique_ptr<RouteTable> routes_;
    std::unique_ptr<NodeRegistrar> nodes_;
    std::unique_ptr<TableManager> tables_;
    std::unique_ptr<PartitionCaller> caller_;
    std::unique_ptr<AppendRouter> appends_;
    std::unique_ptr<ReadRouter> reads_;
    std::unique_ptr<UpkeepRouter> upkeep_;
    std::unique_ptr<PointRouter> points_;
    FakeCoordinator coordinator_;
    net::ByteBudget work_bytes_{1u << 30};
    net::ByteBudget query_slots_{2};
    OpenResults open_results_{4};
    QueryList running_;
    std::unique_ptr<Services> services_;
    std::unique_ptr<MasterServer> server_;
};

using dl::test::eventually;

}  // namespace dl::master::testing
