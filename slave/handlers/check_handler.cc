#include <atomic>
#include <cstdio>

#include "common/async/run_on.h"
#include "common/rpc/messages/upkeep_messages.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/request_target.h"

namespace dl::slave {
namespace {

rpc::CheckRow row_of(PartitionId partition, CheckReport report) {
    char hash[17];
    std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(report.hash));
    return {partition, report.live_rows,           report.records,   report.bytes,
            hash,      std::move(report.problems), report.end_offset};
}

// A partition that does not serve is a finding, not a failure of the check.
Result<CheckReport> check_one(const TableRegistry& tables, const rpc::TableRef& table, PartitionId id,
                              const CheckOptions& options) {
    const auto partition = find_partition(tables, table, id);
    if (partition.has_value()) return (*partition)->check(options);
    CheckReport report;
    report.problems.push_back(partition.error().to_text());
    return report;
}

}  // namespace

rpc::RpcHandler make_check_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(const auto request, rpc::decode_request<rpc::CheckRequest>(call.json()));
        DL_CO_TRY(find_table(*context.tables, request.table));
        const auto deadline =
            std::chrono::steady_clock::now() + std::chrono::milliseconds(request.timeout_ms);
        DL_CO_TRY_ASSIGN(const auto slot, co_await context.query_slots->acquire(1, deadline));
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
            DL_CO_TRY_ASSIGN(auto report, co_await run_on(*context.query_pool, work));
            const auto json = rpc::encode(row_of(id, std::move(report)));
            auto written = co_await call.send_data(std::string_view(json));
            DL_CO_TRY(std::move(written));
        }
        co_return rpc::encode(rpc::CheckReply{});
    };
}

}  // namespace dl::slave
