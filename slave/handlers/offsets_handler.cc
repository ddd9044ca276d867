#include "slave/handlers/handlers.h"
#include "slave/handlers/request_json.h"

namespace dl::slave {
namespace {

Result<std::string> answer(const TableRegistry& tables, std::string_view json) {
    DL_TRY_ASSIGN(const auto request, RequestJson::parse("offsets", json));
    DL_TRY_ASSIGN(const auto table_id, request.table_id());
    DL_TRY_ASSIGN(const auto ids, request.partition_ids());
    std::map<PartitionId, Offset> first, end;
    for (const auto id : ids) {
        DL_TRY_ASSIGN(const auto partition, tables.partition(table_id, id));
        first[id] = partition->first_offset();
        end[id] = partition->end_offset();
    }
    return "{\"first\":" + offsets_json(first) + ",\"end\":" + offsets_json(end) + "}";
}

}  // namespace

rpc::RpcHandler make_offsets_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        co_return answer(*context.tables, call.json());
    };
}

}  // namespace dl::slave
