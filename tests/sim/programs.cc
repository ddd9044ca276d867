#include "tests/sim/programs.h"

#include <boost/asio/steady_timer.hpp>

#include "common/base/log.h"
#include "common/duck/parquet_file.h"
#include "slave/compaction/io_budget.h"
#include "slave/handlers/handlers.h"
#include "slave/parquet/chunk_guide_cache.h"
#include "slave/partition/batch_id_budget.h"
#include "slave/partition/tail_budget.h"
#include "slave/server/data_directory.h"
#include "slave/server/node_membership.h"

namespace dl::sim {

using std::chrono::milliseconds;

class NoQueries final : public slave::QueryService {
  public:
    Result<rpc::PinReply> pin(const std::vector<slave::TableToPin>&, milliseconds) override { return none(); }
    void unpin(std::uint64_t) override {}
    Result<std::unique_ptr<slave::QueryRun>> start(std::uint64_t, const slave::QueryStatement&,
                                                   std::chrono::steady_clock::time_point,
                                                   const std::shared_ptr<QueryCancel>&) override {
        return none();
    }
    Result<slave::PinnedRun> start_pinned(const std::vector<slave::TableToPin>&, const slave::QueryStatement&,
                                          std::chrono::steady_clock::time_point,
                                          const std::shared_ptr<QueryCancel>&) override {
        return none();
    }

  private:
    static Error none() { return make_error(ErrorCode::unavailable, "no queries in a simulation"); }
};

namespace {

// One for all machines; nothing of it is used unless files are read by DuckDB, which a simulation's are not.
std::shared_ptr<DuckDatabase> file_database() {
    static const auto database = file_duck_database(64u << 20).value();
    return database;
}

}  // namespace

struct SlaveProgram {
    WorkerPool storage{"storage", 4}, background{"background", 1}, compaction{"compact", 1},
        upkeep{"upkeep", 1}, work{"work", 4}, tables{"tables", 8}, query{"query", 1};
    slave::IoBudget compaction_budget{0};
    slave::TailBudget tail_budget{256u << 20};
    slave::BatchIdBudget batch_ids{64u << 20};
    slave::ChunkGuideCache chunk_guides{0};
    net::ByteBudget query_slots{1};
    NoQueries queries;
    std::unique_ptr<slave::StoredMembership> membership;
    std::unique_ptr<slave::PartitionRegistry> registry;
    std::unique_ptr<slave::ReplicaSet> replicas;
    slave::HandlerContext context;
    std::unique_ptr<boost::asio::steady_timer> upkeep_timer;
    bool serves = false;
    std::size_t failed = 0;

    void keep_up() {
        upkeep_timer->expires_after(std::chrono::seconds(1));
        upkeep_timer->async_wait([this](const boost::system::error_code& error) {
            if (error) return;
            (void)upkeep.post([this] {
                registry->tick();
                replicas->tick();
            });
            keep_up();
        });
    }

    Result<void> start(Process& process, const SlaveTuning& tuning) {
        DL_TRY_ASSIGN(auto directory, slave::DataDirectory::open(*process.host.disk, "/data"));
        const std::vector<std::shared_ptr<slave::DataDirectory>> directories{directory};
        DL_TRY_ASSIGN(membership, slave::StoredMembership::open(directories));
        slave::PartitionContext partition;
        partition.files = process.host.disk.get();
        partition.compaction_budget = &compaction_budget;
        partition.tail_budget = &tail_budget;
        partition.chunk_guides = &chunk_guides;
        partition.batch_id_budget = &batch_ids;
        partition.file_database = partition.compaction_database = file_database();
        partition.now_us = [] {
            return std::chrono::duration_cast<std::chrono::microseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                .count();
        };
        slave::PartitionOptions options;
        options.segment_bytes = tuning.segment_bytes;
        options.free_disk_bytes_min = 1 << 20;
        options.pack_log = false;
        options.compaction.automatic = false;  // files are merged by DuckDB, which needs real ones
        registry = std::make_unique<slave::PartitionRegistry>(
            directories, options, std::move(partition),
            std::vector<slave::DirectoryPools>{{&storage, &background, &compaction}});
        DL_TRY_ASSIGN(const auto recovered, registry->recover(2));
        failed = recovered.failed;
        slave::ReplicaSet::Identity identity;
        identity.node_id = [this] { return membership->node_id(); };
        identity.cluster_id = [this] { return membership->cluster_id(); };
        identity.incarnation = membership->incarnation();
        slave::ReplicaOptions copies;
        copies.lag_max = tuning.lag_max;
        replicas = std::make_unique<slave::ReplicaSet>(
            *registry, work, std::move(identity),
            [&process] { return boost::asio::any_io_executor(process.io.get_executor()); }, copies);
        context.tables = registry.get();
        context.queries = &queries;
        context.work_pool = &work;
        context.tables_pool = &tables;
        context.query_pool = &query;
        context.query_slots = &query_slots;
        context.node = {process.host.address, "simulated", membership->incarnation()};
        context.membership = membership.get();
        context.replicas = replicas.get();
        process.handlers = slave::make_handlers(context);
        upkeep_timer = std::make_unique<boost::asio::steady_timer>(process.io);
        keep_up();
        serves = true;
        return {};
    }
};

namespace {

SlaveProgram* serving(const Host& host) {
    if (host.process == nullptr || host.process->dead || host.process->program == nullptr) return nullptr;
    auto* program = static_cast<SlaveProgram*>(host.process->program.get());
    return program->serves ? program : nullptr;
}

}  // namespace

void Slave::start(World& world, Host& host, const SlaveTuning& tuning) {
    const auto process = world.begin_process(host, "slave");
    process->spawn([&world, process, tuning] {
        auto program = std::make_shared<SlaveProgram>();
        process->program = program;
        const auto started = program->start(*process, tuning);
        if (started.has_value()) return;
        log_warn("sim", "a slave does not start",
                 {{"slave", process->host.address}, {"error", started.error()}});
        process->dead = true;
        (void)world;
    });
}

void Slave::stop(World& world, Host& host) {
    if (serving(host) == nullptr) return;
    const auto process = host.process;
    process->spawn([&world, process] {
        auto* program = static_cast<SlaveProgram*>(process->program.get());
        program->replicas->hand_over(milliseconds(3000));
        program->context.stopping->advance(1);
        program->serves = false;
        process->handlers.clear();
        program->upkeep_timer->cancel();
        program->replicas->stop();
        program->registry->close();
        // Nobody can take a thread's own stack away: the rest is done by whoever runs next.
        world.after(0, [&world, process] { world.kill(*process, true); });
    });
}

slave::PartitionRegistry* Slave::registry(const Host& host) {
    auto* program = serving(host);
    return program == nullptr ? nullptr : program->registry.get();
}

std::size_t Slave::failed_partitions(const Host& host) {
    auto* program = serving(host);
    return program == nullptr ? 0 : program->failed;
}

NodeId Slave::node_id(const Host& host) {
    auto* program = serving(host);
    return program == nullptr ? NodeId{} : program->membership->node_id();
}

void Master::start(World& world, Host& host, const std::string& catalog, std::vector<std::string> slaves) {
    const auto process = world.begin_process(host, "master");
    process->spawn([process, catalog, addresses = std::move(slaves)] {
        auto program = std::make_shared<MasterProgram>();
        process->program = program;
        auto opened = master::Catalog::open(catalog);
        if (opened.has_error()) {
            log_warn("sim", "the master does not start", {{"error", opened.error()}});
            process->dead = true;
            return;
        }
        auto& parts = *program;
        parts.catalog = std::move(*opened);
        const auto connect = [&io = process->io](const std::string& address) {
            return rpc::RpcClient::create(io.get_executor(), address);
        };
        parts.slaves = std::make_unique<master::SlaveDirectory>(addresses, connect);
        parts.heart_slaves = std::make_unique<master::SlaveDirectory>(addresses, connect);
        parts.routes = std::make_unique<master::RouteTable>(parts.catalog->tables(), *parts.slaves);
        parts.registrar = std::make_unique<master::NodeRegistrar>(*parts.catalog, *parts.slaves, parts.work);
        parts.tables = std::make_unique<master::TableManager>(*parts.catalog, *parts.routes, *parts.registrar,
                                                              parts.work);
        master::ReplicaOptions options;
        options.hand_back_after = milliseconds(3000);
        parts.controller = std::make_unique<master::ReplicaController>(*parts.catalog, *parts.heart_slaves,
                                                                       parts.work, options);
        parts.tables->keep_copies(*parts.controller);
        parts.health =
            std::make_unique<master::HealthMonitor>(*parts.slaves, *parts.registrar, *parts.tables);
        parts.caller = std::make_unique<master::PartitionCaller>(*parts.routes);
        parts.appends = std::make_unique<master::AppendRouter>(*parts.caller);
        parts.reads = std::make_unique<master::ReadRouter>(*parts.caller);
        parts.controller->start(process->io.get_executor());
        parts.health->start(process->io.get_executor());
        parts.serves = true;
    });
}

void prepare_programs() {
    (void)file_database();
}

void Master::release_files(const Host& host) {
    if (auto* parts = program(host)) parts->catalog.reset();
}

MasterProgram* Master::program(const Host& host) {
    if (host.process == nullptr || host.process->dead || host.process->program == nullptr) return nullptr;
    auto* program = static_cast<MasterProgram*>(host.process->program.get());
    return program->serves ? program : nullptr;
}

}  // namespace dl::sim
