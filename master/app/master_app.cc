#include "master/app/master_app.h"

#include <algorithm>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>

#include "common/async/worker_pool.h"
#include "common/base/log.h"
#include "common/net/net_pool.h"
#include "common/net/process.h"
#include "master/catalog/catalog.h"
#include "master/control/health_monitor.h"
#include "master/control/replica_controller.h"
#include "master/execution/system_catalog.h"
#include "master/routing/rpc_fragment_runner.h"
#include "master/server/master_server.h"
#include "master/sql/worker_coordinator.h"

namespace dl::master {
namespace {

constexpr std::string_view kComponent = "master";
// What the election, its assignments and a copy that becomes the leader take, generously.
constexpr std::chrono::milliseconds kElectionPatience{5000};

ServerOptions server_options(const MasterConfig& config) {
    ServerOptions options;
    options.address = config.address;
    options.sessions_max = config.sessions_max;
    options.request_bytes_max = config.request_bytes_max;
    options.session.frame_bytes_max = config.frame_bytes_max;
    options.session.read_transfer.stall = config.read_timeout;
    options.session.write_transfer.stall = config.write_timeout;
    options.session.memory_wait = std::min(options.session.memory_wait, config.statement_timeout);
    return options;
}

WorkerSettings query_workers(const MasterConfig& config) {
    WorkerSettings workers;
    workers.ready = config.query_workers;
    workers.concurrent_max = config.queries_max + LightLanes::kStatements;
    workers.threads = config.query_threads;
    workers.memory_bytes = config.query_bytes_max;
    return workers;
}

}  // namespace

Result<void> run_master(const MasterConfig& config) {
    net::raise_file_limit();
    DL_TRY_ASSIGN(auto catalog, Catalog::open(config.data_paths.front(), config.begin_anew));

    // Members of what follows refer to what stands above it; the pools are stopped by hand, after the
    // sessions.
    net::NetPool net_pool("net", config.net_threads);
    const auto connect = [&net_pool](const std::string& address) {
        return rpc::RpcClient::create(net_pool.executor(), address);
    };
    SlaveDirectory slaves(config.slaves, connect);
    WorkerPool work_pool("work", config.work_threads);
    const RouteTable routes(catalog->tables(), slaves);
    NodeRegistrar nodes(*catalog, slaves, work_pool, config.begin_anew);
    TableManager tables(*catalog, routes, nodes, work_pool, RetryOptions{config.slave_wait});
    // Its own connections: a slave that comes back is to be heard of at the next heartbeat.
    const auto connect_often = [&net_pool, &config](const std::string& address) {
        rpc::RpcClientOptions often;
        often.backoff_first = often.backoff_max = config.heartbeat / 2;
        return rpc::RpcClient::create(net_pool.executor(), address, often);
    };
    const SlaveDirectory asked(config.slaves, connect_often);
    QueryList running;
    ReplicaOptions copies_options;
    copies_options.times = {config.heartbeat, config.lease, config.failover};
    copies_options.on_query_memory = [&running](NodeId node, const std::vector<rpc::QueryMemory>& taken) {
        QueryList::MemoryByNumber by_number;
        for (const auto& one : taken)
            by_number[one.number] = one.bytes;
        running.told_memory(node, std::move(by_number));
    };
    ReplicaController copies(*catalog, asked, work_pool, copies_options);
    tables.keep_copies(copies);
    RetryOptions retries{config.slave_wait};
    retries.copies_wait = std::max(config.slave_wait, config.failover + kElectionPatience);
    const PartitionCaller caller(routes, retries);
    AppendRouter appends(caller);
    ReadRouter reads(caller);
    UpkeepRouter upkeep(caller);
    PointRouter points(caller);
    RpcFragmentRunner fragments(caller, [&net_pool] { return net_pool.executor(); });
    std::vector<SystemCatalog::Setting> settings;
    for (const auto& one : config.settings)
        settings.push_back({one.name, one.value, one.source, one.help});
    const auto system_tables = std::make_shared<SystemCatalog>(routes, running, std::move(settings));
    DL_TRY_ASSIGN(auto queries, WorkerCoordinator::start(query_workers(config), fragments, system_tables));
    running.set_memory([&queries] { return queries->memory(); });
    WorkerPool query_pool("query", config.queries_max);
    net::ByteBudget work_bytes(config.request_bytes_max);
    net::ByteBudget query_slots(config.queries_max);
    LightLanes light;
    OpenResults open_results(std::size_t{config.queries_max} * OpenResults::kPerSlot);
    Services services{
        *catalog,           routes,     tables,     appends,     reads, upkeep,       points,  *queries,
        work_pool,          query_pool, work_bytes, query_slots, {},    open_results, running, &fragments,
        system_tables.get()};
    services.light = &light;
    services.copies = &copies;
    services.registrar = &nodes;
    services.limits.copies_wait = retries.copies_wait;
    services.limits.statement_timeout = config.statement_timeout;
    services.limits.compress_timeout = config.compress_timeout;

    std::promise<void> stop_asked;
    const net::SignalHandler signals([&stop_asked] { stop_asked.set_value(); },
                                     config.shutdown_grace + net::kCloseTime);
    HealthMonitor health(slaves, nodes, tables);
    DL_TRY_ASSIGN(auto server, MasterServer::start(net_pool, services, server_options(config)));
    health.start(net_pool.executor());
    copies.start(net_pool.executor());
    log_info(kComponent, "ready",
             {{"address", server->address()},
              {"tables", catalog->tables().size()},
              {"slaves", slaves.nodes().size()},
              {"query_memory_bytes", config.query_bytes_max}});

    stop_asked.get_future().wait();
    log_info(kComponent, "stopping", {{"sessions", server->sessions()}});
    // Data is safe at any moment; going on without those who still use it is not.
    if (!server->stop(config.shutdown_grace)) {
        log_error(kComponent, "sessions have not ended; exiting without them");
        std::_Exit(1);
    }
    health.stop();
    copies.stop();
    query_pool.stop();
    light.stop();
    queries.reset();
    work_pool.stop();
    net_pool.stop();
    log_info(kComponent, "stopped");
    return {};
}

}  // namespace dl::master
