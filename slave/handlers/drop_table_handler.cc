#include "common/async/run_on.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/request_json.h"

namespace dl::slave {
namespace {

Result<TableId> parse(std::string_view json) {
    DL_TRY_ASSIGN(const auto request, RequestJson::parse("drop_table", json));
    return request.table_id();
}

}  // namespace

rpc::RpcHandler make_drop_table_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(const auto table, parse(call.json()));
        auto work = [tables = context.tables, table] { return tables->drop(table); };
        auto dropped = co_await run_on(*context.work_pool, work);
        DL_CO_TRY(std::move(dropped));
        co_return std::string("{}");
    };
}

}  // namespace dl::slave
