// One report per copy of each partition, as the slaves find them.
#include <algorithm>
#include <utility>
#include <vector>

#include "master/execution/command_runs.h"
#include "master/execution/copy_orders.h"

namespace dl::master {

namespace asio = boost::asio;

namespace {

asio::awaitable<std::string> repair_copy(Services& services, TablePtr table, PartitionId partition,
                                         std::string address, CopyRepair what, rpc::Deadline deadline) {
    const auto nodes = known_nodes(services);
    const auto slave = std::find_if(nodes.begin(), nodes.end(),
                                    [&](const NodeView& node) { return node.address == address; });
    if (slave == nodes.end()) co_return "not repaired: the slave is not known any more";
    const NodeView node = *slave;
    if (what == CopyRepair::lead) {
        const auto led = co_await lead_by(services, table, partition, node);
        if (led.has_error())
            co_return "not repaired: the copy that leads is wrong, and this one could not take the lead: " +
                led.error().to_text();
        co_return "repaired: this copy leads now in place of the one that is wrong; repeat the statement in a "
                  "moment to have that one made anew";
    }
    const auto progress = co_await ask_progress(services, nodes, deadline);
    const auto ordered = co_await refill_copy(services, table, partition, node, progress, deadline);
    if (ordered.has_error()) co_return "not repaired: " + ordered.error().to_text();
    std::vector<PartitionId> partitions(1, partition);
    co_await wait_given_up(services, table->id, std::move(partitions), node.id, deadline);
    co_return "repaired: the copy is being made anew from the files of the one that leads, and what was there is "
              "set aside; cluster_status says how far it is";
}

}  // namespace

CommandRun run(Services& services, CommandContext& context, CheckTable command) {
    DL_CO_TRY_ASSIGN(auto table, services.catalog.find(command.table));
    context.client.cancel_when_client_leaves();
    const auto deadline =
        context.has_timeout ? context.deadline : context.started + services.limits.compress_timeout;
    UpkeepRouter::RowSink sink = [&client = context.client](std::string report) {
        return client.partition_checked(std::move(report));
    };
    UpkeepRouter::RepairCopy repair = [&services, table, deadline](PartitionId partition, std::string slave,
                                                                   CopyRepair what) {
        return repair_copy(services, table, partition, std::move(slave), what, deadline);
    };
    auto checked =
        co_await services.upkeep.check(table, command.repair, std::move(sink), std::move(repair), deadline);
    if (context.cancel->reason() == ErrorCode::unavailable)
        co_return make_error(ErrorCode::unavailable, "this master is stopping; check again in a moment");
    if (checked.has_error()) co_return std::move(checked).error();
    co_return reply_with(Done{});
}

}  // namespace dl::master
