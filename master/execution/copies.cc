// Copies of partitions: how many there are to be, how they are, and who leads when nobody may.
#include <algorithm>
#include <chrono>
#include <utility>

#include "common/async/run_all.h"
#include "common/async/run_on.h"
#include "common/base/log.h"
#include "common/rpc/messages/copy_messages.h"
#include "master/control/cluster_health.h"
#include "master/execution/command_runs.h"
#include "master/execution/copy_orders.h"
#include "master/execution/listed_rows.h"

namespace dl::master {
namespace {

std::vector<NodeView> known_nodes(const Services& services) {
    return services.copies == nullptr ? std::vector<NodeView>() : services.copies->nodes();
}

// By address, or by number.
Result<NodeView> named_node(const std::vector<NodeView>& nodes, const std::string& name) {
    std::string list;
    for (const auto& node : nodes) {
        if (node.address == name || std::to_string(node.id.value) == name) return node;
        list += (list.empty() ? "" : ", ") + node.address;
    }
    return make_error(ErrorCode::not_found, "there is no slave '" + name + "'; there are " + list);
}

namespace asio = boost::asio;
constexpr auto kProgressPatience = std::chrono::milliseconds(1500);

// Of all slaves that answer, in time for people.
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
    const auto health = cluster_health(services.catalog.tables(), nodes, progress);
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
    std::size_t ordered = 0;
    std::optional<Error> refused;
    for (std::uint32_t i = 0; i < count; ++i) {
        if (command.partition ? *command.partition != i : !follows(placement->partitions[i], node.id))
            continue;
        auto done = co_await refill_copy(services, table, PartitionId{i}, node, context.deadline);
        if (done.has_value())
            ++ordered;
        else if (!refused)
            refused = std::move(done).error();
    }
    if (refused && ordered == 0) co_return std::move(*refused);
    if (refused)
        co_return make_error(ErrorCode::partial, std::to_string(ordered) +
                                                     (ordered == 1 ? " copy is" : " copies are") +
                                                     " made anew, others are not: " + refused->message);
    if (ordered == 0)
        co_return make_error(ErrorCode::invalid_request, "nothing was changed: slave " + node.address +
                                                             " follows no partition of table '" +
                                                             table->name + "'");
    co_return reply_with(Done{});
}

}  // namespace dl::master
