#include "common/async/run_on.h"
#include "common/rpc/messages/upkeep_messages.h"
#include "slave/handlers/handlers.h"

namespace dl::slave {
namespace {

Result<std::string> answer(TableRegistry& tables, const rpc::AcceptLossRequest& request) {
    std::optional<LeaderEpoch> accept;
    if (request.accept) accept = request.leader_epoch;
    DL_TRY_ASSIGN(const auto lost, tables.lost_records(request.table.id, request.table.incarnation,
                                                       request.partition, accept));
    rpc::AcceptLossReply reply;
    for (const auto& range : lost)
        reply.lost.push_back({range.from, range.end, range.end_is_known});
    return rpc::encode(reply);
}

}  // namespace

rpc::RpcHandler make_accept_loss_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(const auto request, rpc::decode_request<rpc::AcceptLossRequest>(call.json()));
        // Goes on to its end when the peer has gone.
        auto work = [tables = context.tables, request] { return answer(*tables, request); };
        co_return co_await run_on(*context.work_pool, work);
    };
}

}  // namespace dl::slave
