#include "common/async/run_on.h"
#include "common/rpc/messages/table_messages.h"
#include "slave/handlers/handlers.h"

namespace dl::slave {
rpc::RpcHandler make_register_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(const auto request, rpc::decode_request<rpc::RegisterNodeRequest>(call.json()));
        auto work = [membership = context.membership, node = request.node] { return membership->join(node); };
        auto joined = co_await run_on(*context.work_pool, work);
        DL_CO_TRY(std::move(joined));
        co_return rpc::encode(rpc::RegisterNodeReply{});
    };
}

}  // namespace dl::slave
