#include "common/async/run_on.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/pin_request.h"

namespace dl::slave {
namespace {

constexpr std::int64_t kLeaseMsMax = 24 * 3600 * 1000;

}  // namespace

rpc::RpcHandler make_pin_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(const auto json, RequestJson::parse("pin", call.json()));
        DL_CO_TRY_ASSIGN(const auto lease_ms, json.integer("lease_ms", 1, kLeaseMsMax));
        DL_CO_TRY_ASSIGN(auto request, parse_pin_request(*context.tables, json));
        auto reached = co_await wait_for_pin(std::move(request.awaited));
        if (reached.has_error()) co_return std::move(reached).error();
        const auto work = [queries = context.queries, tables = std::move(request.tables), lease_ms] {
            return queries->pin(tables, std::chrono::milliseconds(lease_ms));
        };
        Result<PinResult> pinned = make_error(ErrorCode::internal, "not pinned");
        if (request.past)
            pinned = co_await run_on(*context.query_pool, work);
        else
            pinned = work();
        if (pinned.has_error()) co_return std::move(pinned).error();
        co_return "{\"view\":" + std::to_string(pinned->view) + "," + cut_json(pinned->cut) + "}";
    };
}

}  // namespace dl::slave
