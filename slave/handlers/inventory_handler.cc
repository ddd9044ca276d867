#include "common/async/run_on.h"
#include "common/rpc/messages/node_messages.h"
#include "slave/handlers/handlers.h"

namespace dl::slave {
namespace {

constexpr std::size_t kTablesInPart = 500;

rpc::InventoryTable describe(const HeldTable& held) {
    const auto& meta = *held.meta;
    return {meta.id,         meta.incarnation, meta.name, meta.schema.key().name, meta.index_hash_seed,
            held.partitions, held.records,     held.bytes};
}

}  // namespace

rpc::RpcHandler make_inventory_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY(rpc::decode_request<rpc::InventoryRequest>(call.json()));
        auto work = [tables = context.tables] { return Result<std::vector<HeldTable>>(tables->held()); };
        DL_CO_TRY_ASSIGN(auto held, co_await run_on(*context.work_pool, work));
        for (std::size_t i = 0; i < held.size();) {
            rpc::InventoryPart part;
            for (; i < held.size() && part.tables.size() < kTablesInPart; ++i)
                part.tables.push_back(describe(held[i]));
            const auto json = rpc::encode(part);
            auto written = co_await call.send_data(std::string_view(json));
            DL_CO_TRY(std::move(written));
        }
        co_return rpc::encode(rpc::InventoryReply{});
    };
}

}  // namespace dl::slave
