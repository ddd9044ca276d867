#include "common/base/limits.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/request_json.h"
#include "slave/stream/record_waiter.h"

namespace dl::slave {
namespace {

struct WaitRequest {
    std::vector<WaitPosition> positions;
    std::uint64_t rows_min = 1;
    std::chrono::milliseconds wait{0};
};

Result<WaitRequest> parse(const TableRegistry& tables, std::string_view json) {
    DL_TRY_ASSIGN(const auto request, RequestJson::parse("wait", json));
    DL_TRY_ASSIGN(const auto table_id, request.table_id());
    DL_TRY_ASSIGN(const auto positions, request.partition_offsets());
    DL_TRY_ASSIGN(const auto rows,
                  request.integer_or("min_rows", 0, std::numeric_limits<std::int64_t>::max(), 1));
    DL_TRY_ASSIGN(const auto wait_ms, request.integer("wait_ms", 0, limits::long_poll_wait_ms_max));
    WaitRequest wait;
    wait.rows_min = static_cast<std::uint64_t>(rows);
    wait.wait = std::chrono::milliseconds(wait_ms);
    for (const auto& [id, offset] : positions) {
        WaitPosition position;
        position.from = offset;
        DL_TRY_ASSIGN(position.partition, tables.partition(table_id, id));
        wait.positions.push_back(std::move(position));
    }
    return wait;
}

}  // namespace

rpc::RpcHandler make_wait_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(auto request, parse(*context.tables, call.json()));
        const auto deadline = std::chrono::steady_clock::now() + request.wait;
        const auto available = co_await wait_for_records(std::move(request.positions), request.rows_min,
                                                         deadline, context.stopping);
        if (available < request.rows_min && context.stopping->end() > 0)
            co_return make_error(ErrorCode::unavailable, "slave " + context.node.node + " is stopping");
        co_return "{\"available\":" + std::to_string(available) + "}";
    };
}

}  // namespace dl::slave
