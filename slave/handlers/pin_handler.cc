#include "common/async/run_on.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/pin_target.h"

namespace dl::slave {

rpc::RpcHandler make_pin_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(const auto request, rpc::decode_request<rpc::PinRequest>(call.json()));
        DL_CO_TRY_ASSIGN(auto target, find_pin_target(context, request.tables));
        DL_CO_TRY(co_await wait_for_pin(target));
        const auto work = [queries = context.queries, tables = std::move(target.tables),
                           lease_ms = request.lease_ms] {
            return queries->pin(tables, std::chrono::milliseconds(lease_ms));
        };
        Result<rpc::PinReply> pinned = make_error(ErrorCode::internal, "not pinned");
        if (target.past)
            pinned = co_await run_on(*context.query_pool, work);
        else
            pinned = work();
        if (pinned.has_error()) co_return std::move(pinned).error();
        co_return rpc::encode(*pinned);
    };
}

}  // namespace dl::slave
