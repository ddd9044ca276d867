// Orders and questions about single copies: removed, made anew, how far they are.
#include "common/async/run_on.h"
#include "common/rpc/messages/copy_messages.h"
#include "slave/handlers/handlers.h"
#include "slave/replication/replica_set.h"

namespace dl::slave {

rpc::RpcHandler make_drop_copy_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(auto request, rpc::decode_request<rpc::DropCopyRequest>(call.json()));
        auto work = [&context, request = std::move(request)] { return context.replicas->drop_copy(request); };
        auto dropped = co_await run_on(*context.tables_pool, work);
        DL_CO_TRY(std::move(dropped));
        co_return rpc::encode(rpc::DropCopyReply{});
    };
}

rpc::RpcHandler make_refill_copy_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(auto request, rpc::decode_request<rpc::RefillCopyRequest>(call.json()));
        auto work = [&context, request = std::move(request)] {
            return context.replicas->refill_copy(request);
        };
        auto ordered = co_await run_on(*context.tables_pool, work);
        DL_CO_TRY(std::move(ordered));
        co_return rpc::encode(rpc::RefillCopyReply{});
    };
}

rpc::RpcHandler make_copy_progress_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(const auto request, rpc::decode_request<rpc::CopyProgressRequest>(call.json()));
        DL_CO_TRY(context.membership->check_cluster(request.cluster_id));
        auto work = [&context] { return context.replicas->progress(); };
        const auto progress = co_await run_on(*context.work_pool, work);
        co_return rpc::encode(progress);
    };
}

}  // namespace dl::slave
