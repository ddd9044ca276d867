#include "common/async/run_on.h"
#include "common/rpc/messages/replica_messages.h"
#include "slave/handlers/handlers.h"
#include "slave/replication/replica_set.h"

namespace dl::slave {

rpc::RpcHandler make_assign_replicas_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(auto request, rpc::decode_request<rpc::AssignReplicasRequest>(call.json()));
        auto work = [&context, request = std::move(request)] { return context.replicas->assign(request); };
        auto assigned = co_await run_on(*context.tables_pool, work);
        if (assigned.has_error()) co_return std::move(assigned).error();
        co_return rpc::encode(*assigned);
    };
}

}  // namespace dl::slave
