// Copies of partitions: how many there are to be, how they are, and who leads when nobody may.
#include <algorithm>
#include <utility>

#include "common/async/run_on.h"
#include "common/base/log.h"
#include "master/control/cluster_health.h"
#include "master/execution/command_runs.h"
#include "master/execution/copy_orders.h"
#include "master/execution/listed_rows.h"

namespace dl::master {
namespace {

// By address, or by number.
Result<NodeView> named_node(const std::vector<NodeView>& nodes, const std::string& name) {
    std::string list;
    for (const auto& node : nodes) {
        if (node.address == name || std::to_string(node.id.value) == name) return node;
        list += (list.empty() ? "" : ", ") + node.address;
    }
    return make_error(ErrorCode::not_found, "there is no slave '" + name + "'; there are " + list);
}

bool follows(const PartitionPlacement& placed, NodeId node) {
    const auto& copies = placed.replicas;
    return placed.leader != node && std::find(copies.begin(), copies.end(), node) != copies.end();
}

// Where the statement names none.
Result<NodeView> only_follower(const TableMeta& table, const TablePlacement& placement,
                               std::optional<std::uint32_t> partition, const std::vector<NodeView>& nodes) {
    std::vector<NodeView> found;
    std::string list;
    for (const auto& node : nodes) {
        bool is_one = false;
        for (std::uint32_t i = 0; i < placement.partitions.size(); ++i)
            is_one = is_one || ((!partition || *partition == i) && follows(placement.partitions[i], node.id));
        if (!is_one) continue;
        found.push_back(node);
        list += (list.empty() ? "" : ", ") + node.address;
    }
    if (found.size() == 1) return std::move(found.front());
    return make_error(
        ErrorCode::invalid_request,
        found.empty() ? "nothing was changed: no slave follows table '" + table.name + "'; it has one copy"
                      : "nothing was changed: say whose copy is to be made anew, on node '...': " + list);
}

}  // namespace

CommandRun run(Services& services, CommandContext& context, SetCopies command) {
    DL_CO_TRY(
        co_await services.tables.set_copies(std::move(command.table), command.copies, context.deadline));
    co_return reply_with(Done{});
}

CommandRun run(Services& services, CommandContext& context, ClusterStatus) {
    const auto nodes = known_nodes(services);
    const auto progress = co_await ask_progress(services, nodes, context.deadline);
    ConfiguredSlaves configured{services.routes.slaves().nodes(), {}};
    if (services.registrar != nullptr) configured.unusable = services.registrar->unusable();
    const auto health = cluster_health(services.catalog.tables(), nodes, progress, configured);
    ListedTexts listed{{"what", "name", "state", "detail"}, {}};
    for (const auto& line : health)
        listed.rows.push_back({line.what, line.name, line.state, line.detail});
    DL_CO_TRY_ASSIGN(auto rows, listed_texts(services, context, listed));
    co_return reply_with(std::move(rows));
}

CommandRun run(Services& services, CommandContext&, ElectUnclean command) {
    if (services.copies == nullptr)
        co_return make_error(ErrorCode::unavailable, "this master does not keep copies");
    DL_CO_TRY_ASSIGN(const auto table, services.catalog.find(command.table));
    const auto placement = services.catalog.tables().placement(table->id);
    if (placement == nullptr || command.partition >= placement->partitions.size())
        co_return make_error(ErrorCode::partition_not_found, "table '" + table->name + "' has no partition " +
                                                                 std::to_string(command.partition));
    const auto nodes = known_nodes(services);
    DL_CO_TRY_ASSIGN(const auto node, named_node(nodes, command.node));
    const auto& placed = placement->partitions[command.partition];
    DL_CO_TRY_ASSIGN(auto next, elect_unclean(placed, node.id, services.copies->states()));
    if (!command.confirmed)
        co_return make_error(
            ErrorCode::invalid_request,
            "nothing was changed: acknowledged rows of partition " + std::to_string(command.partition) +
                " of table '" + table->name + "' that slave " + node.address +
                " does not hold would be gone for good, and those who have read them would not learn of it; "
                "better start " +
                missing_copies(placed, nodes) +
                "; if that cannot be, repeat the statement with 'confirm' at its end");
    auto elect = [&catalog = services.catalog, id = table->id, partition = PartitionId{command.partition},
                  version = placed.version,
                  next = std::move(next)] { return catalog.change_placement(id, partition, version, next); };
    auto elected = co_await run_on(services.work_pool, elect);
    if (elected.has_error()) co_return std::move(elected).error();
    log_warn("master.copies", "a leader was elected by order, acknowledged rows may be lost",
             {{"table", table->name},
              {"partition", command.partition},
              {"leader", node.address},
              {"epoch", elected->leader_epoch.value}});
    co_return reply_with(Done{});
}

CommandRun run(Services& services, CommandContext& context, RefillCopy command) {
    if (services.copies == nullptr)
        co_return make_error(ErrorCode::unavailable, "this master does not keep copies");
    DL_CO_TRY_ASSIGN(const auto table, services.catalog.find(command.table));
    const auto placement = services.catalog.tables().placement(table->id);
    if (placement == nullptr)
        co_return make_error(ErrorCode::table_not_found, "table '" + table->name + "' was dropped meanwhile");
    const auto count = placement->partitions.size();
    if (command.partition && *command.partition >= count)
        co_return make_error(ErrorCode::partition_not_found, "table '" + table->name + "' has no partition " +
                                                                 std::to_string(*command.partition));
    const auto nodes = known_nodes(services);
    NodeView node;
    if (command.node.empty()) {
        DL_CO_TRY_ASSIGN(node, only_follower(*table, *placement, command.partition, nodes));
    } else {
        DL_CO_TRY_ASSIGN(node, named_node(nodes, command.node));
    }
    const auto progress = co_await ask_progress(services, nodes, context.deadline);
    std::vector<PartitionId> ordered;
    std::optional<Error> refused;
    for (std::uint32_t i = 0; i < count; ++i) {
        if (command.partition ? *command.partition != i : !follows(placement->partitions[i], node.id))
            continue;
        auto done = co_await refill_copy(services, table, PartitionId{i}, node, progress, context.deadline);
        if (done.has_value())
            ordered.push_back(PartitionId{i});
        else if (!refused)
            refused = std::move(done).error();
    }
    co_await wait_given_up(services, table->id, ordered, node.id, context.deadline);
    if (refused && ordered.empty()) co_return std::move(*refused);
    if (refused)
        co_return make_error(ErrorCode::partial, std::to_string(ordered.size()) +
                                                     (ordered.size() == 1 ? " copy is" : " copies are") +
                                                     " made anew, others are not: " + refused->message);
    if (ordered.empty())
        co_return make_error(ErrorCode::invalid_request, "nothing was changed: slave " + node.address +
                                                             " follows no partition of table '" +
                                                             table->name + "'");
    co_return reply_with(Done{});
}

}  // namespace dl::master
