#include "slave/server/slave_node.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdlib>
#include <thread>

#include "common/async/worker_pool.h"
#include "common/base/log.h"
#include "common/duck/duck_database.h"
#include "common/duck/parquet_file.h"
#include "common/net/byte_budget.h"
#include "common/net/process.h"
#include "common/rpc/rpc_server.h"
#include "slave/compaction/io_budget.h"
#include "slave/handlers/handlers.h"
#include "slave/parquet/chunk_guide_cache.h"
#include "slave/partition/batch_id_budget.h"
#include "slave/partition/tail_budget.h"
#include "slave/query/worker_executor.h"
#include "slave/replication/replica_set.h"
#include "slave/server/duck_query_service.h"
#include "slave/server/node_membership.h"
#include "slave/server/partition_registry.h"

namespace dl::slave {

namespace asio = boost::asio;

namespace {

// Partitions opened at once: behind a kill each waits for syncs of its own, which a core does not.
constexpr unsigned kRecoveryThreadsMin = 8;

constexpr auto kComponent = "slave";
// What a stop waits for other slaves to take the lead of partitions that they have copies of.
constexpr auto kHandOverTime = std::chrono::milliseconds(3000);
constexpr auto kUpkeepInterval = std::chrono::seconds(1);  // leases, idle partitions

std::int64_t wall_clock_us() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

// slave.compaction.memory.bytes less what its threads write with: each a row group and the pages made of it.
// What is left at least is the smallest value that setting takes.
std::uint64_t compaction_read_bytes(const SlaveSettings& settings) {
    constexpr std::uint64_t kWriterBytes = 2 * kParquetRowGroupBytes;
    constexpr std::uint64_t kReadBytesMin = 64u << 20;
    const auto all = settings.compaction_memory_bytes;
    const auto threads = std::max(settings.compaction_threads, settings.data_directories.size());
    return std::max(std::min(all, kReadBytesMin), all - std::min(all, threads * kWriterBytes));
}

Result<std::unique_ptr<WorkerExecutor>> start_query_workers(
    const SlaveSettings& settings, const std::vector<std::shared_ptr<DataDirectory>>& directories) {
    WorkerSettings workers;
    workers.ready = settings.query_workers;
    workers.concurrent_max = settings.query_concurrent_max;
    workers.threads = settings.query_threads;
    workers.memory_bytes = settings.query_memory_bytes;
    for (const auto& directory : directories)
        workers.readable_folders.push_back(directory->tables_path());
    workers.spill_bytes = settings.query_spill_bytes;
    if (settings.query_spill_bytes > 0) workers.spill_folder = directories.front()->path() + "/spill";
    return WorkerExecutor::create(std::move(workers));
}

}  // namespace

// Compactions give way to writers, flushes and queries; with cores to spare they lose nothing.
constexpr int kCompactionNiceness = 10;
// For copies that are made anew or catch up. Not nicer than others: beside writers who take all there is they
// would never be in sync.
constexpr std::size_t kRefillThreads = 2;

// Declared in the order of life: what is used comes before its users.
struct SlaveNode::Parts {
    explicit Parts(const SlaveSettings& from)
        : settings(from),
          net("net", from.net_threads),
          upkeep_pool("upkeep", 1),
          work("work", from.work_threads),
          query("query", from.query_concurrent_max + kExplainSlots),
          compaction_budget(from.compaction_bytes_per_second),
          tail_budget(from.tail_memory_bytes),
          batch_ids(from.batch_id_memory_bytes),
          chunk_guides(from.lookup_cache_bytes),
          query_slots(from.query_concurrent_max) {
        // One disk's trouble is not another's: each directory has its threads. Of the threads for
        // compactions, whose memory is shared, each has its part.
        const auto count = std::max<std::size_t>(1, from.data_directories.size());
        const auto compactions = std::max<std::size_t>(1, from.compaction_threads / count);
        for (std::size_t i = 0; i < count; ++i) {
            storage.push_back(std::make_unique<WorkerPool>("storage", from.storage_threads));
            background.push_back(std::make_unique<WorkerPool>("background", from.background_threads));
            compaction.push_back(std::make_unique<WorkerPool>("compact", compactions, kCompactionNiceness));
        }
    }

    std::vector<DirectoryPools> directory_pools() const {
        std::vector<DirectoryPools> pools;
        for (std::size_t i = 0; i < storage.size(); ++i)
            pools.push_back({storage[i].get(), background[i].get(), compaction[i].get()});
        return pools;
    }

    const SlaveSettings settings;
    std::vector<std::shared_ptr<DataDirectory>> directories;
    net::NetPool net;
    std::vector<std::unique_ptr<WorkerPool>> storage, background, compaction;  // by directory
    WorkerPool upkeep_pool, work, query;
    WorkerPool tables{"tables", 8};  // changes of one table wait for each other here
    WorkerPool refill{"refill", kRefillThreads};
    IoBudget compaction_budget;
    TailBudget tail_budget;
    BatchIdBudget batch_ids;
    ChunkGuideCache chunk_guides;
    net::ByteBudget query_slots;
    net::ByteBudget explain_slots{kExplainSlots};
    std::unique_ptr<StoredMembership> membership;
    std::unique_ptr<PartitionRegistry> registry;
    std::unique_ptr<ReplicaSet> replicas;
    std::unique_ptr<DuckQueryService> queries;
    HandlerContext context;
    std::shared_ptr<rpc::RpcServer> server;
    std::unique_ptr<Scrubber> scrubber;
    std::unique_ptr<asio::steady_timer> upkeep_timer;  // on net loop 0
    bool stopped = false;

    void upkeep() {
        upkeep_timer->expires_after(kUpkeepInterval);
        upkeep_timer->async_wait([this](const boost::system::error_code& error) {
            if (error) return;
            upkeep_pool.post([this] {
                if (const auto expired = queries->expire(); expired > 0)
                    log_info(kComponent, "query leases were over", {{"views", expired}});
                registry->tick();
                replicas->tick();
            });
            upkeep();
        });
    }
};

SlaveNode::SlaveNode(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
SlaveNode::~SlaveNode() {
    stop();
}
std::uint16_t SlaveNode::port() const {
    return parts_->server->port();
}

Result<std::unique_ptr<SlaveNode>> SlaveNode::start(const SlaveSettings& settings,
                                                    const std::string& version) {
    const auto begin = std::chrono::steady_clock::now();
    net::raise_file_limit();
    std::unique_ptr<SlaveNode> node(new SlaveNode(std::make_unique<Parts>(settings)));
    auto& parts = *node->parts_;
    for (const auto& path : settings.data_directories) {
        DL_TRY_ASSIGN(auto directory, DataDirectory::open(posix_file_system(), path));
        parts.directories.push_back(std::move(directory));
    }
    DL_TRY_ASSIGN(parts.membership, StoredMembership::open(parts.directories));

    PartitionContext context;
    context.files = &posix_file_system();
    context.compaction_budget = &parts.compaction_budget;
    context.tail_budget = &parts.tail_budget;
    context.chunk_guides = &parts.chunk_guides;
    context.batch_id_budget = &parts.batch_ids;
    context.now_us = wall_clock_us;
    DL_TRY_ASSIGN(context.file_database, file_duck_database(settings.file_memory_bytes));
    DL_TRY_ASSIGN(context.compaction_database, file_duck_database(compaction_read_bytes(settings)));
    DL_TRY_ASSIGN(auto query_workers, start_query_workers(settings, parts.directories));

    parts.registry = std::make_unique<PartitionRegistry>(parts.directories, settings.partition,
                                                         std::move(context), parts.directory_pools());
    DL_TRY_ASSIGN(const auto recovered, parts.registry->recover(std::max(
                                            kRecoveryThreadsMin, std::thread::hardware_concurrency())));
    ReplicaSet::Identity identity;
    identity.node_id = [member = parts.membership.get()] { return member->node_id(); };
    identity.cluster_id = [member = parts.membership.get()] { return member->cluster_id(); };
    identity.incarnation = parts.membership->incarnation();
    ReplicaOptions copies;
    copies.lag_max = settings.replica_lag_max;
    copies.refill_budget = &parts.compaction_budget;
    parts.replicas = std::make_unique<ReplicaSet>(
        *parts.registry, parts.refill, std::move(identity), [net = &parts.net] { return net->executor(); },
        copies);
    parts.queries = std::make_unique<DuckQueryService>(std::move(query_workers));

    parts.context.tables = parts.registry.get();
    parts.context.queries = parts.queries.get();
    parts.context.work_pool = &parts.work;
    parts.context.tables_pool = &parts.tables;
    parts.context.query_pool = &parts.query;
    parts.context.query_slots = &parts.query_slots;
    parts.context.explain_slots = &parts.explain_slots;
    parts.context.node = {settings.node, version, parts.membership->incarnation()};
    parts.context.membership = parts.membership.get();
    parts.context.replicas = parts.replicas.get();

    rpc::RpcServerOptions options;
    options.request_bytes_max = settings.request_bytes_max;
    options.connections_max = settings.connections_max;
    options.requests_bytes_in_flight_max = settings.requests_bytes_in_flight_max;
    options.transfer = settings.transfer;
    options.config_key = "slave.node";
    options.connections_config_key = "slave.connections.max";
    options.session_executor = [net = &parts.net] { return net->executor(); };
    DL_TRY_ASSIGN(parts.server, rpc::RpcServer::listen(parts.net.executor_of(0), settings.node,
                                                       make_handlers(parts.context), std::move(options)));
    asio::post(parts.net.executor_of(0), [p = &parts] {
        p->upkeep_timer = std::make_unique<asio::steady_timer>(p->net.executor_of(0));
        p->upkeep();
    });
    parts.scrubber = std::make_unique<Scrubber>(*parts.registry, settings.scrub);
    const auto took = std::chrono::steady_clock::now() - begin;
    log_info(kComponent, "serving",
             {{"address", settings.node},
              {"tables", recovered.tables},
              {"partitions", recovered.partitions},
              {"failed", recovered.failed},
              {"set_aside", recovered.set_aside.size()},
              {"records", recovered.rows},
              {"query_memory_bytes", settings.query_memory_bytes},
              {"start_ms", std::chrono::duration_cast<std::chrono::milliseconds>(took).count()},
              {"version", version}});
    if (!settings.partition.sync)
        log_warn(kComponent, "slave.sync is none: acknowledged writes are lost when the machine stops");
    return node;
}

void SlaveNode::stop() {
    auto& parts = *parts_;
    if (parts.stopped) return;
    parts.stopped = true;
    if (parts.server && parts.replicas) parts.replicas->hand_over(kHandOverTime);
    parts.context.stopping->advance(1);  // who waits for records would wait through the grace
    if (parts.server) {
        log_info(kComponent, "draining", {{"grace_ms", parts.settings.stop_grace.count()}});
        // Data is safe at any moment; going on without those who still use it is not.
        if (!parts.server->stop(parts.settings.stop_grace)) {
            log_error(kComponent, "requests have not ended; exiting without them");
            std::_Exit(1);
        }
    }
    parts.scrubber.reset();
    if (parts.replicas) parts.replicas->stop();
    parts.net.stop();
    parts.upkeep_timer.reset();
    parts.server.reset();
    parts.query.stop();
    parts.work.stop();
    parts.tables.stop();
    parts.refill.stop();
    if (parts.registry) parts.registry->close();
    for (const auto* pools : {&parts.compaction, &parts.background, &parts.storage})
        for (const auto& pool : *pools)
            pool->stop();
    parts.upkeep_pool.stop();
    parts.queries.reset();
    parts.replicas.reset();
    parts.registry.reset();
    log_info(kComponent, "stopped");
}

}  // namespace dl::slave
