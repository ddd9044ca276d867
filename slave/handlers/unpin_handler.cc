#include <limits>

#include "slave/handlers/handlers.h"
#include "slave/handlers/request_json.h"

namespace dl::slave {
namespace {

Result<std::int64_t> parse(std::string_view json) {
    DL_TRY_ASSIGN(const auto request, RequestJson::parse("unpin", json));
    return request.integer("view", 0, std::numeric_limits<std::int64_t>::max());
}

}  // namespace

rpc::RpcHandler make_unpin_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(const auto view, parse(call.json()));
        context.queries->unpin(static_cast<std::uint64_t>(view));
        co_return std::string("{}");
    };
}

}  // namespace dl::slave
