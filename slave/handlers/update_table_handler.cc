#include "common/async/run_on.h"
#include "common/rpc/messages/table_messages.h"
#include "slave/handlers/handlers.h"

namespace dl::slave {

rpc::RpcHandler make_update_table_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(auto request, rpc::decode_request<rpc::UpdateTableRequest>(call.json()));
        auto work = [tables = context.tables,
                     request = std::move(request)]() -> Result<rpc::UpdateTableReply> {
            DL_TRY(tables->update(request.table, rpc::leader_epochs(request.epochs)));
            rpc::UpdateTableReply reply;
            // Dropped meanwhile: there is nothing newer then.
            if (const auto here = tables->table(request.table.id);
                here.has_value() && (*here)->schema.id > request.table.schema.id)
                reply.newer = **here;
            return reply;
        };
        DL_CO_TRY_ASSIGN(const auto reply, co_await run_on(*context.work_pool, work));
        co_return rpc::encode(reply);
    };
}

}  // namespace dl::slave
