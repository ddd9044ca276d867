#include "common/rpc/messages/read_messages.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/request_target.h"

namespace dl::slave {
namespace {

Result<std::string> answer(const TableRegistry& tables, std::string_view json) {
    DL_TRY_ASSIGN(const auto request, rpc::decode_request<rpc::OffsetsRequest>(json));
    DL_TRY(find_table(tables, request.table));
    rpc::OffsetsReply reply;
    for (const auto& [id, epoch] : request.partitions) {
        DL_TRY_ASSIGN(const auto partition, find_led_partition(tables, request.table, id, epoch));
        reply.partitions.push_back({id, partition->first_offset(), partition->end_offset()});
    }
    return rpc::encode(reply);
}

}  // namespace

rpc::RpcHandler make_offsets_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        co_return answer(*context.tables, call.json());
    };
}

}  // namespace dl::slave
