#include "common/async/run_on.h"
#include "common/rpc/messages/table_messages.h"
#include "slave/handlers/handlers.h"
#include "slave/replication/replica_set.h"

namespace dl::slave {

rpc::RpcHandler make_drop_table_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(const auto request, rpc::decode_request<rpc::DropTableRequest>(call.json()));
        // Goes on to its end when the peer has gone, and tells who waits all the same.
        auto work = [tables = context.tables, drops = context.drops, replicas = context.replicas,
                     table = request.table] {
            auto dropped = tables->drop(table.id, table.incarnation);
            if (tables->table(table.id).has_error()) {
                drops->dropped(table.id);
                if (replicas != nullptr) replicas->forget(table.id);
            }
            return dropped;
        };
        auto dropped = co_await run_on(*context.tables_pool, work);
        DL_CO_TRY(std::move(dropped));
        co_return rpc::encode(rpc::DropTableReply{});
    };
}

}  // namespace dl::slave
