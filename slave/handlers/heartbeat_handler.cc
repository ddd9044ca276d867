#include "common/rpc/messages/replica_messages.h"
#include "slave/handlers/handlers.h"
#include "slave/replication/replica_set.h"

namespace dl::slave {

rpc::RpcHandler make_heartbeat_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(const auto request, rpc::decode_request<rpc::HeartbeatRequest>(call.json()));
        auto reply = context.replicas->heartbeat(request);
        if (context.queries != nullptr) {
            for (const auto& [number, bytes] : context.queries->memory())
                if (reply.queries.size() < rpc::HeartbeatReply::kQueriesTold)
                    reply.queries.push_back({number, bytes});
        }
        co_return rpc::encode(reply);
    };
}

}  // namespace dl::slave
