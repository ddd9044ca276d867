#include "common/rpc/messages/query_messages.h"
#include "slave/handlers/handlers.h"

namespace dl::slave {

rpc::RpcHandler make_unpin_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(const auto request, rpc::decode_request<rpc::UnpinRequest>(call.json()));
        context.queries->unpin(request.view);
        co_return rpc::encode(rpc::UnpinReply{});
    };
}

}  // namespace dl::slave
