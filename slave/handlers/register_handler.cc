#include "common/async/run_on.h"
#include "common/rpc/messages/node_messages.h"
#include "slave/handlers/handlers.h"

namespace dl::slave {
namespace {

// The incarnations first: once the node is of the cluster, its tables are asked for by them.
Result<void> join(TableRegistry& tables, NodeMembership& membership,
                  const rpc::RegisterNodeRequest& request) {
    const auto cluster = membership.cluster_id();
    if (!cluster.empty() && cluster != request.cluster_id && !request.take_over)
        return membership.check_cluster(request.cluster_id);
    for (const auto& [table, incarnation] : request.tables)
        DL_TRY(tables.adopt(table, incarnation));
    return membership.join(request.node, request.cluster_id, request.take_over);
}

}  // namespace

rpc::RpcHandler make_register_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(auto request, rpc::decode_request<rpc::RegisterNodeRequest>(call.json()));
        auto work = [&context, request = std::move(request)] {
            return join(*context.tables, *context.membership, request);
        };
        auto joined = co_await run_on(*context.work_pool, work);
        DL_CO_TRY(std::move(joined));
        co_return rpc::encode(rpc::RegisterNodeReply{});
    };
}

}  // namespace dl::slave
