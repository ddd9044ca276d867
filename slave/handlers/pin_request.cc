#include "slave/handlers/pin_request.h"

#include <limits>

#include "common/base/limits.h"

namespace dl::slave {

Result<void> check_schema(const TableMeta& table, std::int64_t schema_id, std::string_view what) {
    if (schema_id <= static_cast<std::int64_t>(table.schema.id.value)) return {};
    return make_error(ErrorCode::schema_mismatch, std::string(what) + " of table " + table.name +
                                                      " with schema " + std::to_string(schema_id) +
                                                      ", this slave knows " +
                                                      std::to_string(table.schema.id.value));
}

Result<PinRequest> parse_pin_request(const TableRegistry& tables, const RequestJson& request) {
    DL_TRY_ASSIGN(const auto items, request.objects("tables"));
    PinRequest pin;
    for (const auto& item : items) {
        DL_TRY_ASSIGN(const auto table_id, item.table_id());
        DL_TRY_ASSIGN(const auto ids, item.partition_ids());
        DL_TRY_ASSIGN(const auto min_offsets, item.offsets_or_empty("min_offsets"));
        PinTable table;
        DL_TRY_ASSIGN(table.as_of, item.offsets_or_empty("as_of"));
        DL_TRY_ASSIGN(table.table, tables.table(table_id));
        DL_TRY_ASSIGN(const auto schema,
                      item.integer_or("schema_id", 0, std::numeric_limits<std::uint32_t>::max(), 0));
        DL_TRY(check_schema(*table.table, schema, "query"));
        if (item.has("keys")) {
            DL_TRY_ASSIGN(table.keys, item.texts("keys"));
        }
        pin.past = pin.past || !table.as_of.empty();
        for (const auto id : ids) {
            DL_TRY_ASSIGN(auto partition, tables.partition(table_id, id));
            for (const auto* offsets :
                 {&min_offsets, static_cast<const std::map<PartitionId, Offset>*>(&table.as_of)}) {
                const auto least = offsets->find(id);
                if (least == offsets->end()) continue;
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

boost::asio::awaitable<Result<void>> wait_for_pin(std::vector<WaitPosition> awaited) {
    const auto deadline =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(limits::long_poll_wait_ms_max);
    const bool reached = co_await wait_for_offsets(std::move(awaited), deadline);
    if (!reached) co_return make_error(ErrorCode::timeout, "the offsets asked for did not become visible");
    co_return Result<void>();
}

namespace {

// `"name":{"<table_id>":N}`
std::string numbers_json(std::string_view name, const std::map<TableId, std::uint64_t>& numbers) {
    std::string json = '"' + std::string(name) + "\":{";
    bool first = true;
    for (const auto& [table, number] : numbers) {
        json += (first ? "\"" : ",\"") + std::to_string(table.value) + "\":" + std::to_string(number);
        first = false;
    }
    return json + "}";
}

}  // namespace

std::string cut_json(const PinnedCut& cut) {
    std::string json = "\"offsets\":{";
    bool first = true;
    for (const auto& [table, offsets] : cut.offsets) {
        json += (first ? "\"" : ",\"") + std::to_string(table.value) + "\":" + offsets_json(offsets);
        first = false;
    }
    return json + "}," + numbers_json("behind", cut.behind) + "," + numbers_json("rows", cut.rows);
}

}  // namespace dl::slave
