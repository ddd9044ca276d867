#include "common/async/run_on.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/request_json.h"

namespace dl::slave {
namespace {

Result<TableMeta> parse(std::string_view json) {
    DL_TRY_ASSIGN(const auto request, RequestJson::parse("update_table", json));
    DL_TRY_ASSIGN(const auto table_json, request.object_text("table"));
    return table_meta_from_json(table_json);
}

}  // namespace

rpc::RpcHandler make_update_table_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(auto table, parse(call.json()));
        auto work = [tables = context.tables, table = std::move(table)] { return tables->update(table); };
        auto updated = co_await run_on(*context.work_pool, work);
        DL_CO_TRY(std::move(updated));
        co_return std::string("{}");
    };
}

}  // namespace dl::slave
