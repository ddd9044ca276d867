#include "common/async/run_on.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/request_json.h"

namespace dl::slave {
namespace {

Result<NodeId> parse(std::string_view json) {
    DL_TRY_ASSIGN(const auto request, RequestJson::parse("register_node", json));
    DL_TRY_ASSIGN(const auto node, request.integer("node_id", 1, std::numeric_limits<std::uint32_t>::max()));
    return NodeId{static_cast<std::uint32_t>(node)};
}

}  // namespace

rpc::RpcHandler make_register_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(const auto node, parse(call.json()));
        auto work = [membership = context.membership, node] { return membership->join(node); };
        auto joined = co_await run_on(*context.work_pool, work);
        DL_CO_TRY(std::move(joined));
        co_return std::string("{}");
    };
}

}  // namespace dl::slave
