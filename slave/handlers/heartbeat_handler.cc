#include "common/rpc/messages/replica_messages.h"
#include "slave/handlers/handlers.h"
#include "slave/replication/replica_set.h"

namespace dl::slave {

rpc::RpcHandler make_heartbeat_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(const auto request, rpc::decode_request<rpc::HeartbeatRequest>(call.json()));
        co_return rpc::encode(context.replicas->heartbeat(request));
    };
}

}  // namespace dl::slave
