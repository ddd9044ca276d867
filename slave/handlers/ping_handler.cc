#include "common/types/value_text.h"
#include "slave/handlers/handlers.h"

namespace dl::slave {

rpc::RpcHandler make_ping_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall&) -> boost::asio::awaitable<Result<std::string>> {
        std::string json = "{\"node\":";
        append_json_string(json, context.node.node);
        json += ",\"version\":";
        append_json_string(json, context.node.version);
        json += ",\"incarnation\":";
        append_json_string(json, context.node.incarnation);
        if (context.membership != nullptr)
            json += ",\"node_id\":" + std::to_string(context.membership->node_id().value);
        json += ",\"tables\":" + std::to_string(context.tables->table_count()) + "}";
        co_return json;
    };
}

}  // namespace dl::slave
