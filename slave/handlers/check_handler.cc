#include <atomic>
#include <cstdio>

#include "common/async/run_on.h"
#include "common/types/value_text.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/request_json.h"

namespace dl::slave {
namespace {

constexpr std::int64_t kTimeoutMsMax = 24 * 3600 * 1000;

struct CheckRequest {
    TableId table;
    std::vector<PartitionId> partitions;
    bool repair = false;
    std::chrono::milliseconds timeout{0};
};

Result<CheckRequest> parse(const TableRegistry& tables, std::string_view json) {
    DL_TRY_ASSIGN(const auto request, RequestJson::parse("check", json));
    CheckRequest check;
    DL_TRY_ASSIGN(check.table, request.table_id());
    DL_TRY_ASSIGN(check.partitions, request.partition_ids());
    DL_TRY_ASSIGN(const auto repair, request.integer("repair", 0, 1));
    DL_TRY_ASSIGN(const auto timeout_ms, request.integer("timeout_ms", 1, kTimeoutMsMax));
    DL_TRY(tables.table(check.table));
    check.repair = repair == 1;
    check.timeout = std::chrono::milliseconds(timeout_ms);
    return check;
}

std::string report_json(PartitionId partition, const CheckReport& report) {
    char hash[17];
    std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(report.hash));
    std::string json = "{\"partition\":" + std::to_string(partition.value) +
                       ",\"live_rows\":" + std::to_string(report.live_rows) +
                       ",\"records\":" + std::to_string(report.records) +
                       ",\"bytes\":" + std::to_string(report.bytes) + ",\"hash\":\"" + hash +
                       "\",\"problems\":[";
    for (std::size_t i = 0; i < report.problems.size(); ++i) {
        if (i != 0) json += ',';
        append_json_string(json, report.problems[i]);
    }
    return json + "]}";
}

// A partition that does not serve is a finding, not a failure of the check.
Result<CheckReport> check_one(const TableRegistry& tables, TableId table, PartitionId id,
                              const CheckOptions& options) {
    const auto partition = tables.partition(table, id);
    if (partition.has_value()) return (*partition)->check(options);
    CheckReport report;
    report.problems.push_back(partition.error().to_text());
    return report;
}

}  // namespace

rpc::RpcHandler make_check_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(const auto request, parse(*context.tables, call.json()));
        const auto deadline = std::chrono::steady_clock::now() + request.timeout;
        auto slot = co_await context.query_slots->acquire(1, deadline);
        if (slot.has_error()) co_return std::move(slot).error();
        const auto gone = std::make_shared<std::atomic<bool>>(false);
        call.on_cancel([gone] { gone->store(true); });
        CheckOptions options;
        options.repair = request.repair;
        options.deadline = deadline;
        options.stop = [gone] { return gone->load(); };
        for (const auto id : request.partitions) {
            if (call.cancelled()) co_return make_error(ErrorCode::cancelled, "the peer has gone");
            auto work = [tables = context.tables, table = request.table, id, options] {
                return check_one(*tables, table, id, options);
            };
            auto report = co_await run_on(*context.query_pool, work);
            if (report.has_error()) co_return std::move(report).error();
            const auto json = report_json(id, *report);
            auto written = co_await call.send_data(std::string_view(json));
            DL_CO_TRY(std::move(written));
        }
        co_return "{}";
    };
}

}  // namespace dl::slave
