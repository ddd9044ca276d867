#include "common/async/run_on.h"
#include "common/rpc/messages/table_messages.h"
#include "slave/handlers/handlers.h"

namespace dl::slave {

rpc::RpcHandler make_create_table_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(auto request, rpc::decode_request<rpc::CreateTableRequest>(call.json()));
        if (context.membership != nullptr) DL_CO_TRY(context.membership->check_cluster(request.cluster_id));
        auto work = [tables = context.tables, request = std::move(request)] {
            return tables->create(request.table, rpc::leader_epochs(request.partitions));
        };
        auto created = co_await run_on(*context.work_pool, work);
        DL_CO_TRY(std::move(created));
        co_return rpc::encode(rpc::CreateTableReply{});
    };
}

}  // namespace dl::slave
