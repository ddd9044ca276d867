#include "master/routing/point_router.h"

#include <utility>
#include <vector>

#include "master/routing/pin_routes.h"
#include "master/routing/rpc_timeout.h"
#include "master/sql/kept_rows.h"

namespace dl::master {
namespace {

namespace asio = boost::asio;

// The frames of the RPC query with a cut of its own.
Result<PointAnswer> answer_of(const PointPlan& plan, std::vector<SharedBytes> frames) {
    const auto& node = plan.pin.node;
    if (frames.empty())
        return make_error(ErrorCode::internal, "slave " + node + " ended a query without naming its columns");
    DL_TRY_ASSIGN(auto head, rpc::decode_reply<rpc::QueryHead>(frames.front().view()));
    std::vector<ResultColumn> columns;
    for (auto& column : head.columns)
        columns.push_back({std::move(column.name), column.type});
    KeptRows::Offsets offsets;
    KeptRows::Behind behind;
    for (const auto& seen : head.cut) {
        for (const auto& [partition, offset] : seen.partitions)
            offsets[plan.table][partition.value] = offset;
        behind[plan.table] += seen.behind;
    }
    auto rows = std::make_unique<KeptRows>(std::move(columns), std::move(offsets), std::move(behind));
    PointAnswer answer;
    for (std::size_t i = 1; i < frames.size(); ++i) {
        answer.bytes += frames[i].size();
        DL_TRY_ASSIGN(auto batch, rpc::decode_rows_frame(frames[i], node));
        if (batch.columns().size() != rows->columns().size())
            return make_error(ErrorCode::internal,
                              "slave " + node + " sent rows with other columns than it named");
        rows->add(std::move(batch));
    }
    answer.rows = std::move(rows);
    return answer;
}

}  // namespace

PointRouter::PointRouter(const PartitionCaller& caller) : caller_(caller) {
    for (const auto& node : caller.routes().slaves().nodes())
        slots_.try_emplace(node, kInFlightMax);
}

asio::awaitable<Result<PointAnswer>> PointRouter::read(PointPlan plan, std::string sql,
                                                       rpc::Deadline deadline) {
    DL_CO_TRY_ASSIGN(auto route, caller_.routes().at_address(plan.pin.node));
    auto& slots = slots_.at(plan.pin.node);  // known: it has a client
    auto slot = slots.try_acquire(1);
    if (slot.bytes() == 0) {
        auto granted = co_await slots.acquire(1, deadline);
        if (granted.has_error())
            co_return make_error(granted.error().code, "slave " + plan.pin.node + ": all " +
                                                           std::to_string(kInFlightMax) +
                                                           " lookups by key at a time stayed busy; ask "
                                                           "again later");
        slot = std::move(*granted);
    }
    rpc::QueryRequest request;
    request.names.push_back({plan.table, plan.pin.tables.front().meta->id});
    request.sql = std::move(sql);
    SlaveCall retries(caller_.routes(), caller_.options(), {plan.pin.tables.front().meta},
                      LostAnswer::is_read_again, deadline);
    for (;;) {
        DL_CO_TRY_ASSIGN(request.tables, tables_to_pin(caller_.routes(), plan.pin));
        request.timeout_ms = milliseconds_until(deadline, 1);
        rpc::CallTrace trace;
        Result<rpc::RpcReply> reply = make_error(ErrorCode::cancelled, "the lookup was cancelled");
        Task attempt = [&]() -> asio::awaitable<void> {
            auto called =
                co_await route.slave->call(rpc::Method::query, rpc::encode(request), {}, deadline, &trace);
            reply = std::move(called);
        };
        auto led = led_by_pin(caller_.routes(), plan.pin, request.tables, route.node);
        const bool moved = co_await run_while_led(caller_.routes(), std::move(led), std::move(attempt));
        if (moved && reply.has_error())
            co_return make_error(ErrorCode::not_leader,
                                 "slave " + route.address + " does not lead the partition any more");
        if (reply.has_value()) co_return answer_of(plan, std::move(reply->data));
        DL_CO_TRY(co_await retries.settle(route, std::move(reply).error(), trace));
    }
}

}  // namespace dl::master
