#include "common/rpc/messages/read_messages.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/request_target.h"
#include "slave/stream/record_waiter.h"

namespace dl::slave {
namespace {

Result<std::vector<WaitPosition>> find_positions(const TableRegistry& tables,
                                                 const rpc::WaitRequest& request) {
    DL_TRY(find_table(tables, request.table));
    std::vector<WaitPosition> positions;
    positions.reserve(request.partitions.size());
    for (const auto& asked : request.partitions) {
        DL_TRY_ASSIGN(auto partition,
                      find_led_partition(tables, request.table, asked.partition, asked.leader_epoch));
        if (request.check_end)
            DL_TRY(check_position(request.table.name, asked.partition, *partition, asked.offset));
        positions.push_back({std::move(partition), asked.offset});
    }
    return positions;
}

}  // namespace

rpc::RpcHandler make_wait_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(const auto request, rpc::decode_request<rpc::WaitRequest>(call.json()));
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(request.wait_ms);
        const auto drop = context.drops->of(request.table.id);
        DL_CO_TRY_ASSIGN(auto positions, find_positions(*context.tables, request));
        std::vector<std::shared_ptr<WaitList>> ends(2, drop);
        ends.front() = context.stopping;
        const auto available =
            co_await wait_for_records(std::move(positions), request.min_rows, deadline, std::move(ends));
        if (available < request.min_rows) {
            if (drop->end() > 0)
                co_return make_error(ErrorCode::table_not_found,
                                     "table '" + request.table.name + "' was dropped meanwhile");
            if (context.stopping->end() > 0)
                co_return make_error(ErrorCode::unavailable, "slave " + context.node.node + " is stopping");
        }
        co_return rpc::encode(rpc::WaitReply{available});
    };
}

}  // namespace dl::slave
