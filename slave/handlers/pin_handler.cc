#include <limits>

#include "common/base/limits.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/request_json.h"
#include "slave/stream/record_waiter.h"

namespace dl::slave {
namespace {

constexpr std::int64_t kLeaseMsMax = 24 * 3600 * 1000;

struct PinRequest {
    std::vector<PinTable> tables;
    std::vector<WaitPosition> awaited;
    std::chrono::milliseconds lease{0};
};

Result<PinRequest> parse(const TableRegistry& tables, std::string_view json) {
    DL_TRY_ASSIGN(const auto request, RequestJson::parse("pin", json));
    DL_TRY_ASSIGN(const auto lease_ms, request.integer("lease_ms", 1, kLeaseMsMax));
    DL_TRY_ASSIGN(const auto items, request.objects("tables"));
    PinRequest pin;
    pin.lease = std::chrono::milliseconds(lease_ms);
    for (const auto& item : items) {
        DL_TRY_ASSIGN(const auto table_id, item.table_id());
        DL_TRY_ASSIGN(const auto ids, item.partition_ids());
        DL_TRY_ASSIGN(const auto min_offsets, item.offsets_or_empty("min_offsets"));
        PinTable table;
        DL_TRY_ASSIGN(table.table, tables.table(table_id));
        DL_TRY_ASSIGN(const auto schema,
                      item.integer_or("schema_id", 0, std::numeric_limits<std::uint32_t>::max(), 0));
        if (schema > static_cast<std::int64_t>(table.table->schema.id.value))
            return make_error(ErrorCode::schema_mismatch, "query of table " + table.table->name +
                                                              " with schema " + std::to_string(schema) +
                                                              ", this slave knows " +
                                                              std::to_string(table.table->schema.id.value));
        for (const auto id : ids) {
            DL_TRY_ASSIGN(auto partition, tables.partition(table_id, id));
            if (const auto least = min_offsets.find(id); least != min_offsets.end()) {
                WaitPosition position;
                position.partition = partition;
                position.from = least->second;
                pin.awaited.push_back(std::move(position));
            }
            table.partitions.emplace_back(id, std::move(partition));
        }
        pin.tables.push_back(std::move(table));
    }
    return pin;
}

}  // namespace

rpc::RpcHandler make_pin_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(auto request, parse(*context.tables, call.json()));
        // The sender's own deadline comes first: it closes the connection.
        const auto deadline =
            std::chrono::steady_clock::now() + std::chrono::milliseconds(limits::long_poll_wait_ms_max);
        const bool reached = co_await wait_for_offsets(std::move(request.awaited), deadline);
        if (!reached)
            co_return make_error(ErrorCode::timeout, "the offsets asked for did not become visible");
        auto pinned = context.queries->pin(request.tables, request.lease);
        if (pinned.has_error()) co_return std::move(pinned).error();
        std::string json = "{\"view\":" + std::to_string(pinned->view) + ",\"offsets\":{";
        bool first = true;
        for (const auto& [table, offsets] : pinned->offsets) {
            json += (first ? "\"" : ",\"") + std::to_string(table.value) + "\":" + offsets_json(offsets);
            first = false;
        }
        co_return json + "}}";
    };
}

}  // namespace dl::slave
