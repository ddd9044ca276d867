#include "slave/handlers/handlers.h"
#include "slave/handlers/request_json.h"

namespace dl::slave {
namespace {

struct Counter {
    const char* name;
    std::uint64_t PartitionStats::*value;
};

constexpr Counter kCounters[] = {
    {"segments", &PartitionStats::segments},
    {"log_bytes", &PartitionStats::log_bytes},
    {"files", &PartitionStats::files},
    {"file_rows", &PartitionStats::file_rows},
    {"file_dead_rows", &PartitionStats::file_dead_rows},
    {"file_bytes", &PartitionStats::file_bytes},
    {"tail_rows", &PartitionStats::tail_rows},
    {"tail_bytes", &PartitionStats::tail_bytes},
    {"index_bytes_resident", &PartitionStats::index_bytes_resident},
    {"index_bytes_mapped", &PartitionStats::index_bytes_mapped},
    {"appends", &PartitionStats::appends},
    {"appended_rows", &PartitionStats::appended_rows},
    {"syncs", &PartitionStats::syncs},
    {"flushes", &PartitionStats::flushes},
    {"compactions", &PartitionStats::compactions},
};

Result<std::string> answer(const TableRegistry& tables, std::string_view json) {
    DL_TRY_ASSIGN(const auto request, RequestJson::parse("stats", json));
    DL_TRY_ASSIGN(const auto table_id, request.table_id());
    DL_TRY_ASSIGN(const auto ids, request.partition_ids());
    PartitionStats sum;
    std::int64_t rows = 0, flushed = 0;
    std::map<PartitionId, Offset> first, end;
    for (const auto id : ids) {
        DL_TRY_ASSIGN(const auto partition, tables.partition(table_id, id));
        const auto stats = partition->stats();
        for (const auto& counter : kCounters)
            sum.*counter.value += stats.*counter.value;
        rows += stats.end_offset - stats.first_offset;
        flushed += stats.flushed_end;
        first[id] = stats.first_offset;
        end[id] = stats.end_offset;
    }
    std::string out = "{\"rows\":" + std::to_string(rows) + ",\"partitions\":" + std::to_string(ids.size()) +
                      ",\"flushed\":" + std::to_string(flushed);
    for (const auto& counter : kCounters)
        out += ",\"" + std::string(counter.name) + "\":" + std::to_string(sum.*counter.value);
    return out + ",\"first\":" + offsets_json(first) + ",\"end\":" + offsets_json(end) + "}";
}

}  // namespace

rpc::RpcHandler make_stats_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        co_return answer(*context.tables, call.json());
    };
}

}  // namespace dl::slave
