// A partition whose log has lost acknowledged records serves again, without them.
#include <algorithm>
#include <limits>
#include <utility>

#include "common/async/run_on.h"
#include "common/base/log.h"
#include "master/execution/command_runs.h"
#include "master/execution/listed_rows.h"

namespace dl::master {
namespace {

constexpr std::string_view kComponent = "master.command";

Result<std::unique_ptr<RowCursor>> rows_of(const Services& services, const CommandContext& context,
                                           PartitionId partition, const rpc::AcceptLossReply& reply) {
    const DataType number{TypeKind::int64};
    const std::vector<ResultColumn> columns = {
        {"partition", number}, {"first_offset", number}, {"last_offset", number}, {"records", number}};
    ColumnBatchBuilder builder(listed_columns(columns));
    for (const auto& lost : reply.lost) {
        builder.append_fixed(0, static_cast<std::int64_t>(partition.value));
        builder.append_fixed(1, static_cast<std::int64_t>(lost.from));
        builder.append_fixed(2, static_cast<std::int64_t>(lost.end - 1));
        if (lost.end_is_known)
            builder.append_fixed(3, static_cast<std::int64_t>(lost.end - lost.from));
        else
            builder.append_null(3);
        builder.finish_row(false);
    }
    return listed_rows(services, context, columns, builder);
}

// Durable before the slave hears of it: nothing of before is taken for something of after.
Result<void> raise_epoch(Catalog& catalog, const TableMeta& table, PartitionId partition) {
    const auto placement = catalog.tables().placement(table.id);
    if (placement == nullptr)
        return make_error(ErrorCode::table_not_found, "the table was dropped meanwhile");
    auto next = placement->partitions[partition.value];
    const auto version = next.version;
    ++next.leader_epoch.value;
    DL_TRY(catalog.change_placement(table.id, partition, version, std::move(next)));
    return {};
}

namespace asio = boost::asio;

asio::awaitable<Result<rpc::AcceptLossReply>> ask_copy(const Services& services, const NodeView& node,
                                                       const TableMeta& table, PartitionId partition,
                                                       LeaderEpoch epoch, bool accept,
                                                       rpc::Deadline deadline) {
    auto client = services.routes.slaves().client(node.address);
    if (client.has_error()) co_return std::move(client).error();
    const rpc::AcceptLossRequest request{rpc::table_ref(table), partition, epoch, accept};
    const auto json = rpc::encode(request);
    std::vector<SharedBytes> nothing;
    auto reply = co_await (*client)->call(rpc::Method::accept_loss, json, std::move(nothing), deadline);
    if (reply.has_error()) co_return std::move(reply).error().in("slave " + node.address);
    co_return rpc::decode_reply<rpc::AcceptLossReply>(reply->end_json);
}

// Where the records begin that a copy lacks.
Offset first_lost(const rpc::AcceptLossReply& reply) {
    Offset first = std::numeric_limits<Offset>::max();
    for (const auto& lost : reply.lost)
        first = std::min(first, lost.from);
    return first;
}

// A copy whose slave is away, as statements name it: by its address, or by its number when another slave has
// taken its place.
struct AwayCopy {
    std::string name;
    std::string text;  // for people
};
struct CopiesFound {
    std::vector<NodeView> there;
    std::vector<AwayCopy> away, left_out;
};

std::string named(const std::vector<AwayCopy>& copies) {
    std::string list;
    for (const auto& copy : copies)
        list += (list.empty() ? "'" : ", '") + copy.name + "'";
    return list;
}
std::string told(const std::vector<AwayCopy>& copies) {
    std::string list;
    for (const auto& copy : copies)
        list += (list.empty() ? "" : ", ") + copy.text;
    return list;
}

// INVALID_REQUEST when `without` names one that answers, or that is to have no copy; UNAVAILABLE when it is
// not known yet whether that one answers.
Result<CopiesFound> find_copies(const PartitionPlacement& placed, const std::vector<NodeView>& nodes,
                                const std::vector<std::string>& without) {
    CopiesFound found;
    std::vector<std::string> unknown = without;
    for (const auto id : placed.replicas) {
        const auto node =
            std::find_if(nodes.begin(), nodes.end(), [&](const NodeView& view) { return view.id == id; });
        const auto number = std::to_string(id.value);
        const auto copy = node == nodes.end()
                              ? AwayCopy{number, "number " + number + ", whose place another has taken"}
                              : AwayCopy{node->address, node->address};
        const bool is_named = std::erase_if(unknown, [&](const std::string& name) {
                                  return name == copy.name || name == number;
                              }) > 0;
        const bool is_live = node != nodes.end() && node->state == NodeView::State::live;
        const bool is_dead = node == nodes.end() || node->state == NodeView::State::dead;
        if (is_live && is_named)
            return make_error(ErrorCode::invalid_request, "nothing was accepted: slave " + copy.name +
                                                              " answers, and is asked what it holds");
        if (is_named && !is_dead)
            return make_error(ErrorCode::unavailable,
                              "nothing was accepted: it is not known yet whether slave " + copy.name +
                                  " answers; repeat the statement in a moment");
        if (is_live)
            found.there.push_back(*node);
        else
            (is_named ? found.left_out : found.away).push_back(copy);
    }
    if (unknown.empty()) return found;
    return make_error(ErrorCode::invalid_request, "nothing was accepted: slave '" + unknown.front() +
                                                      "' is to have no copy of the partition");
}

std::string lost_text(const rpc::AcceptLossReply& reply) {
    std::string text;
    for (const auto& lost : reply.lost)
        text += (text.empty() ? "" : ", ") +
                (lost.end_is_known ? std::to_string(lost.from) + " to " + std::to_string(lost.end - 1)
                                   : std::to_string(lost.from) + " and on");
    return text;
}

// Of several copies none may serve: all have lost records. The one that goes on without the fewest leads
// then, and the others are made anew from it. Every copy is asked first, also while one of them is still
// taken for the leader: another that is away, or out of sync, may be whole. One that is gone for good is
// named by the statement, and confirmed.
asio::awaitable<Result<rpc::AcceptLossReply>> accept_at_best_copy(Services& services, TablePtr table,
                                                                  const AcceptLoss& command,
                                                                  PartitionPlacement placed,
                                                                  rpc::Deadline deadline) {
    const PartitionId partition{command.partition};
    const auto number = std::to_string(partition.value);
    const bool is_led = placed.leader != NodeId{};
    const auto name = "partition " + number + " of table '" + table->name + "' has " +
                      (is_led ? "several copies" : "no leader");
    const auto statement = "accept loss of table " + table->name + " partition " + number + " without node ";
    const auto nodes = services.copies->nodes();
    DL_CO_TRY_ASSIGN(const auto copies, find_copies(placed, nodes, command.without));
    if (!copies.away.empty()) {
        auto gone = copies.left_out;
        gone.insert(gone.end(), copies.away.begin(), copies.away.end());
        co_return make_error(
            ErrorCode::unavailable,
            name +
                ", and not every copy can be asked what it holds; nothing was accepted. One that is away "
                "may be whole: start " +
                told(copies.away) + " first. If that can never be again: " + statement + named(gone));
    }
    std::optional<NodeView> best;
    rpc::AcceptLossReply least;
    for (const auto& view : copies.there) {
        const auto asked =
            co_await ask_copy(services, view, *table, partition, placed.leader_epoch, false, deadline);
        if (asked.has_error())
            co_return make_error(
                asked.error().code,
                name + "; nothing was accepted: " + asked.error().message +
                    (asked.error().code == ErrorCode::invalid_request && !is_led
                         ? "; if it serves, and those that hold more are gone for good: elect unclean "
                           "table " +
                               table->name + " partition " + number + " node '" + view.address + "'"
                         : ""));
        if (best && first_lost(*asked) <= first_lost(least)) continue;
        least = *asked;
        best = view;
    }
    if (!best)
        co_return make_error(ErrorCode::unavailable, name + ", and no copy answers; nothing was accepted");
    if (!copies.left_out.empty() && !command.confirmed)
        co_return make_error(
            ErrorCode::invalid_request,
            "nothing was accepted: the copy on slave " + told(copies.left_out) +
                " has not been asked and may hold all that was acknowledged; of the others the one on "
                "slave " +
                best->address + " lacks the least, the records of offsets " + lost_text(least) +
                ". Without it these, and any behind them that no other has heard of, are gone for good; "
                "those "
                "who have read them would not learn of it, and it would not bring them back later. Better "
                "start it; if that cannot be, repeat the statement with 'confirm' at its end");
    const auto change = [&](PartitionPlacement next) {
        const auto version = next.version;
        return [&catalog = services.catalog, id = table->id, partition, version, next = std::move(next)] {
            return catalog.change_placement(id, partition, version, next);
        };
    };
    for (const auto& copy : copies.left_out)
        log_warn(kComponent, "a loss is accepted without asking a copy that is away, by order",
                 {{"table", table->name}, {"partition", partition.value}, {"slave", copy.name}});
    // In an epoch of its own before it serves, and nobody leads in it: it would be replaced at once as long
    // as it does not serve.
    auto next = placed;
    next.leader = NodeId{};
    ++next.leader_epoch.value;
    auto raise = change(next);
    auto raised_or = co_await run_on(services.work_pool, raise);
    if (raised_or.has_error() && raised_or.error().code == ErrorCode::stale_version)
        co_return make_error(ErrorCode::unavailable,
                             name +
                                 ", and its copies were changed meanwhile, by another statement or by "
                                 "themselves; nothing was accepted: look at cluster_status, and repeat it");
    DL_CO_TRY_ASSIGN(auto raised, std::move(raised_or));
    DL_CO_TRY_ASSIGN(auto lost, co_await ask_copy(services, *best, *table, partition, raised.leader_epoch,
                                                  true, deadline));
    // The controller may have found it by itself meanwhile.
    auto led = elect_unclean(raised, best->id, services.copies->states());
    if (led.has_error()) co_return std::move(led).error();
    auto elect = change(std::move(*led));
    const auto elected = co_await run_on(services.work_pool, elect);
    if (elected.has_error()) {
        const auto now = services.catalog.tables().placement(table->id);
        const bool leads = now != nullptr && now->partitions[partition.value].leader != NodeId{};
        if (!leads) co_return elected.error();
    }
    log_warn(kComponent, "a copy that has lost records leads: no other copy was whole",
             {{"table", table->name}, {"partition", partition.value}, {"leader", best->address}});
    co_return lost;
}

}  // namespace

CommandRun run(Services& services, CommandContext& context, AcceptLoss command) {
    DL_CO_TRY_ASSIGN(const auto table, services.catalog.find(command.table));
    const PartitionId partition{command.partition};
    if (command.partition >= table->partition_count)
        co_return make_error(ErrorCode::partition_not_found,
                             "table '" + table->name + "' has partitions 0 to " +
                                 std::to_string(table->partition_count - 1) + ", not " +
                                 std::to_string(command.partition));
    const auto deadline =
        context.has_timeout ? context.deadline : context.started + services.limits.compress_timeout;
    const auto placement = services.catalog.tables().placement(table->id);
    const bool has_copies = services.copies != nullptr && placement != nullptr &&
                            (placement->partitions[command.partition].replicas.size() > 1 ||
                             placement->partitions[command.partition].leader == NodeId{});
    rpc::AcceptLossReply lost;
    if (has_copies) {
        DL_CO_TRY_ASSIGN(lost,
                         co_await accept_at_best_copy(services, table, command,
                                                      placement->partitions[command.partition], deadline));
    } else if (!command.without.empty()) {
        co_return make_error(ErrorCode::invalid_request,
                             "nothing was accepted: 'without node' is for a partition with several copies, "
                             "and partition " +
                                 std::to_string(command.partition) + " of table '" + table->name +
                                 "' has one, which is asked");
    } else {
        // Whether there is anything to accept is known before anything changes.
        DL_CO_TRY(co_await services.upkeep.lost_records(table, partition, false, deadline));
        auto raise = [&services, table, partition] {
            return raise_epoch(services.catalog, *table, partition);
        };
        DL_CO_TRY(co_await run_on(services.work_pool, raise));
        DL_CO_TRY_ASSIGN(lost, co_await services.upkeep.lost_records(table, partition, true, deadline));
    }
    for (const auto& range : lost.lost)
        log_warn(kComponent, "loss accepted",
                 {{"table", table->name},
                  {"partition", partition.value},
                  {"first_offset", range.from},
                  {"last_offset", range.end - 1},
                  {"client", context.principal.address}});
    DL_CO_TRY_ASSIGN(auto rows, rows_of(services, context, partition, lost));
    co_return reply_with(std::move(rows));
}

}  // namespace dl::master
