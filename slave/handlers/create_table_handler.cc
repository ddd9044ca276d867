#include <atomic>
#include <memory>

#include "common/async/run_on.h"
#include "common/rpc/messages/table_messages.h"
#include "slave/handlers/handlers.h"

namespace dl::slave {

rpc::RpcHandler make_create_table_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(auto request, rpc::decode_request<rpc::CreateTableRequest>(call.json()));
        if (context.membership != nullptr) DL_CO_TRY(context.membership->check_cluster(request.cluster_id));
        // What nobody waits for any more is undone: a master that asks again finds the table whole or not at
        // all.
        auto gone = std::make_shared<std::atomic<bool>>(false);
        call.on_cancel([gone] { *gone = true; });
        auto stop = [gone, stopping = context.stopping, node = context.node.node]() -> std::optional<Error> {
            if (stopping->end() > 0)
                return make_error(ErrorCode::unavailable, "slave " + node + " is stopping");
            if (*gone) return make_error(ErrorCode::cancelled, "the master does not wait for it any more");
            return std::nullopt;
        };
        auto work = [tables = context.tables, request = std::move(request), stop = std::move(stop)] {
            return tables->create(request.table, rpc::leader_epochs(request.partitions), request.replicated,
                                  stop);
        };
        auto created = co_await run_on(*context.tables_pool, work);
        call.on_cancel({});
        DL_CO_TRY(std::move(created));
        co_return rpc::encode(rpc::CreateTableReply{});
    };
}

}  // namespace dl::slave
