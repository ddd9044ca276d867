// Master and slaves of a simulation: put together as the programs do it, of the same parts, without sockets,
// threads and DuckDB workers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "master/catalog/catalog.h"
#include "master/control/health_monitor.h"
#include "master/control/node_registrar.h"
#include "master/control/replica_controller.h"
#include "master/control/table_manager.h"
#include "master/routing/append_router.h"
#include "master/routing/read_router.h"
#include "slave/replication/replica_set.h"
#include "slave/server/partition_registry.h"
#include "tests/sim/world.h"

namespace dl::sim {

struct SlaveTuning {
    std::uint64_t segment_bytes = 64u << 10;
    std::chrono::milliseconds lag_max{2000};
};

// What a checker may look at.
class Slave {
  public:
    // Begins a process on the host; it serves once it has recovered.
    static void start(World& world, Host& host, const SlaveTuning& tuning);
    // In good order, on a thread of its own; the process is dead afterwards.
    static void stop(World& world, Host& host);
    // Of a process that serves; else nullptr.
    static slave::PartitionRegistry* registry(const Host& host);
    static NodeId node_id(const Host& host);
    // Partitions that could not be opened when it started.
    static std::size_t failed_partitions(const Host& host);
};

struct MasterProgram {
    WorkerPool work{"work", 4};
    std::unique_ptr<master::Catalog> catalog;
    std::unique_ptr<master::SlaveDirectory> slaves, heart_slaves;
    std::unique_ptr<master::RouteTable> routes;
    std::unique_ptr<master::NodeRegistrar> registrar;
    std::unique_ptr<master::TableManager> tables;
    std::unique_ptr<master::ReplicaController> controller;
    std::unique_ptr<master::HealthMonitor> health;
    std::unique_ptr<master::PartitionCaller> caller;
    std::unique_ptr<master::AppendRouter> appends;
    std::unique_ptr<master::ReadRouter> reads;
    bool serves = false;
};

// Before the first simulation.
void prepare_programs();

class Master {
  public:
    // Before its process is killed: what the system lets go of.
    static void release_files(const Host& host);
    static void start(World& world, Host& host, const std::string& catalog, std::vector<std::string> slaves);
    // Of a process that serves; else nullptr.
    static MasterProgram* program(const Host& host);
};

}  // namespace dl::sim
