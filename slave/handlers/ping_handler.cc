#include "common/rpc/messages/node_messages.h"
#include "slave/handlers/handlers.h"

namespace dl::slave {

rpc::RpcHandler make_ping_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY(rpc::decode_request<rpc::PingRequest>(call.json()));
        rpc::PingReply reply;
        reply.node = context.node.node;
        reply.version = context.node.version;
        reply.incarnation = context.node.incarnation;
        if (context.membership != nullptr) {
            reply.node_id = context.membership->node_id();
            reply.cluster_id = context.membership->cluster_id();
        }
        reply.tables = context.tables->table_count();
        reply.highest_table = context.tables->highest_table();
        co_return rpc::encode(reply);
    };
}

}  // namespace dl::slave
