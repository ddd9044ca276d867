#include "common/async/run_on.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/request_json.h"

namespace dl::slave {
namespace {

struct CreateRequest {
    TableMeta table;
    LeaderEpochs partitions;
};

Result<CreateRequest> parse(std::string_view json) {
    DL_TRY_ASSIGN(const auto request, RequestJson::parse("create_table", json));
    DL_TRY_ASSIGN(const auto table_json, request.object_text("table"));
    CreateRequest create;
    DL_TRY_ASSIGN(create.table, table_meta_from_json(table_json));
    DL_TRY_ASSIGN(const auto partitions, request.partition_ids());
    DL_TRY_ASSIGN(const auto epochs, request.epochs_or_empty());
    for (const auto id : partitions) {
        const auto given = epochs.find(id);
        create.partitions[id] = given == epochs.end() ? LeaderEpoch{1} : given->second;
        if (id.value >= create.table.partition_count)
            return make_error(ErrorCode::invalid_request, "create_table: partition " +
                                                              std::to_string(id.value) + " of table " +
                                                              create.table.name + ", which has " +
                                                              std::to_string(create.table.partition_count));
    }
    return create;
}

}  // namespace

rpc::RpcHandler make_create_table_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(auto request, parse(call.json()));
        auto work = [tables = context.tables, request = std::move(request)] {
            return tables->create(request.table, request.partitions);
        };
        auto created = co_await run_on(*context.work_pool, work);
        DL_CO_TRY(std::move(created));
        co_return std::string("{}");
    };
}

}  // namespace dl::slave
