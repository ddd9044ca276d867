// The files of a partition for a copy that is made anew: opened, then read by range.
#include "common/async/run_on.h"
#include "common/rpc/messages/replica_messages.h"
#include "slave/handlers/handlers.h"
#include "slave/replication/replica_set.h"

namespace dl::slave {

rpc::RpcHandler make_export_copy_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(auto request, rpc::decode_request<rpc::ExportCopyRequest>(call.json()));
        DL_CO_TRY(context.membership->check_cluster(request.cluster_id));
        auto work = [&context, request = std::move(request)] {
            return context.replicas->export_copy(request);
        };
        DL_CO_TRY_ASSIGN(const auto reply, co_await run_on(*context.work_pool, work));
        co_return rpc::encode(reply);
    };
}

rpc::RpcHandler make_read_export_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(auto request, rpc::decode_request<rpc::ReadExportRequest>(call.json()));
        auto work = [&context, request = std::move(request)] {
            return context.replicas->exports().read(request);
        };
        auto bytes = co_await run_on(*context.work_pool, work);
        if (bytes.has_error()) co_return std::move(bytes).error();
        std::vector<SharedBytes> parts(1, std::move(*bytes));
        DL_CO_TRY(co_await call.send_data(std::move(parts)));
        co_return rpc::encode(rpc::ReadExportReply{});
    };
}

}  // namespace dl::slave
