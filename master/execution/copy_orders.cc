#include "master/execution/copy_orders.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/async/pause.h"
#include "common/async/run_all.h"
#include "common/async/run_on.h"
#include "common/base/log.h"
#include "common/rpc/messages/copy_messages.h"
#include "master/execution/command_context.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

constexpr std::string_view kComponent = "master.copies";
constexpr std::chrono::milliseconds kOrderPatience{3000}, kOrderPause{100};
constexpr std::chrono::milliseconds kGivenUpPatience{5000}, kGivenUpPause{20};
constexpr std::chrono::milliseconds kProgressPatience{1500};

bool is_one_of(const std::vector<NodeId>& nodes, NodeId node) {
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

Result<PartitionPlacement> placement_of(const Services& services, const TableMeta& table,
                                        PartitionId partition) {
    const auto placement = services.catalog.tables().placement(table.id);
    if (placement == nullptr || partition.value >= placement->partitions.size())
        return make_error(ErrorCode::table_not_found, "table '" + table.name + "' was dropped meanwhile");
    return placement->partitions[partition.value];
}

}  // namespace

std::vector<NodeView> known_nodes(const Services& services) {
    return services.copies == nullptr ? std::vector<NodeView>() : services.copies->nodes();
}

asio::awaitable<CopyProgress> ask_progress(Services& services, const std::vector<NodeView>& nodes,
                                           rpc::Deadline deadline) {
    CopyProgress progress;
    deadline = std::min(deadline, std::chrono::steady_clock::now() + kProgressPatience);
    const rpc::CopyProgressRequest request{services.catalog.cluster_id()};
    const auto json = rpc::encode(request);
    std::vector<Task> tasks;
    for (const auto& node : nodes) {
        if (node.state != NodeView::State::live && node.state != NodeView::State::stopping) continue;
        auto client = services.routes.slaves().client(node.address);
        if (client.has_error()) continue;
        tasks.emplace_back([&progress, &json, id = node.id, slave = *client,
                            deadline]() -> asio::awaitable<void> {
            std::vector<SharedBytes> nothing;
            auto reply = co_await slave->call(rpc::Method::copy_progress, json, std::move(nothing), deadline);
            if (reply.has_error()) co_return;  // how the others are is said all the same
            const auto said = rpc::decode_reply<rpc::CopyProgressReply>(reply->end_json);
            if (said.has_value()) progress.add(id, *said);
        });
    }
    co_await run_all(std::move(tasks));
    co_return progress;
}

asio::awaitable<Result<void>> refill_copy(Services& services, TablePtr table, PartitionId partition,
                                          NodeView slave, const CopyProgress& progress,
                                          rpc::Deadline deadline) {
    auto client = services.routes.slaves().client(slave.address);
    if (client.has_error()) co_return std::move(client).error();
    auto& orders = *services.refills;
    // It may be about to be told a newer placement.
    const auto give_up = std::min(deadline, std::chrono::steady_clock::now() + kOrderPatience);
    for (;;) {
        auto placed = placement_of(services, *table, partition);
        if (placed.has_error()) co_return std::move(placed).error();
        auto unsound = unsound_copies(*table, partition, *placed, known_nodes(services), progress);
        if (auto refused = orders.begin(*table, partition, *placed, slave, std::move(unsound),
                                        std::chrono::steady_clock::now()))
            co_return std::move(*refused);
        rpc::RefillCopyRequest request;
        request.cluster_id = services.catalog.cluster_id();
        request.replica = {table->id, table->incarnation, partition};
        request.version = placed->version;
        const auto json = rpc::encode(request);
        std::vector<SharedBytes> nothing;
        auto ordered = co_await (*client)->call(rpc::Method::refill_copy, json, std::move(nothing), deadline);
        if (ordered.has_value()) break;
        auto error = std::move(ordered).error();
        const bool may_pass = error.code == ErrorCode::unavailable;
        // After any other it may have been given up all the same.
        if (error.code == ErrorCode::invalid_request) orders.end(table->id, partition, slave.id);
        const bool again = may_pass && co_await pause_before(give_up, kOrderPause);
        if (!again) co_return error.in("slave " + slave.address);
    }
    log_warn(kComponent, "a copy is made anew by order",
             {{"table", table->name}, {"partition", partition.value}, {"slave", slave.address}});
    co_return Result<void>();
}

asio::awaitable<void> wait_given_up(Services& services, TableId table, std::vector<PartitionId> partitions,
                                    NodeId node, rpc::Deadline deadline) {
    deadline = std::min(deadline, std::chrono::steady_clock::now() + kGivenUpPatience);
    for (;;) {
        const auto placement = services.catalog.tables().placement(table);
        std::erase_if(partitions, [&](PartitionId partition) {
            if (placement != nullptr && partition.value < placement->partitions.size() &&
                is_one_of(placement->partitions[partition.value].in_sync, node))
                return false;
            services.refills->end(table, partition, node);
            return true;
        });
        if (partitions.empty() || !co_await pause_before(deadline, kGivenUpPause)) co_return;
    }
}

asio::awaitable<Result<void>> lead_by(Services& services, TablePtr table, PartitionId partition,
                                      NodeView slave) {
    if (services.copies == nullptr)
        co_return make_error(ErrorCode::unavailable, "this master does not keep copies");
    auto placed = placement_of(services, *table, partition);
    if (placed.has_error()) co_return std::move(placed).error();
    auto next = led_by(*placed, slave.id, services.copies->states());
    if (!next)
        co_return make_error(ErrorCode::unavailable, "slave " + slave.address + " cannot lead partition " +
                                                         std::to_string(partition.value) + " of table '" +
                                                         table->name + "' now");
    // The first copy would be given the lead back before long.
    std::stable_partition(next->replicas.begin(), next->replicas.end(),
                          [&](NodeId node) { return node == slave.id; });
    auto change = [&catalog = services.catalog, id = table->id, partition, version = placed->version,
                   next = std::move(*next)] {
        return catalog.change_placement(id, partition, version, next);
    };
    auto changed = co_await run_on(services.work_pool, change);
    if (changed.has_error()) co_return std::move(changed).error();
    log_warn(kComponent, "another copy leads, by order: the one that led is wrong",
             {{"table", table->name}, {"partition", partition.value}, {"leader", slave.address}});
    co_return Result<void>();
}

}  // namespace dl::master
