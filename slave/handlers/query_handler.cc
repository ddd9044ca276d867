#include <boost/asio/this_coro.hpp>

#include "common/async/run_on.h"
#include "common/base/ascii.h"
#include "common/duck/sql_limits.h"
#include "common/net/yielding_slot.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/pin_target.h"
#include "slave/handlers/request_target.h"

namespace dl::slave {
namespace {

struct QueryTarget {
    std::uint64_t view = 0;
    std::optional<PinTarget> pin;  // instead of a view
    QueryStatement statement;
    std::chrono::milliseconds timeout{0};
};

Result<QueryTarget> find_target(HandlerContext& context, std::string_view json,
                                const SharedBytes& attachment) {
    DL_TRY_ASSIGN(auto request, rpc::decode_request<rpc::QueryRequest>(json));
    QueryTarget target;
    if (request.view) {
        target.view = *request.view;
    } else {
        DL_TRY_ASSIGN(target.pin, find_pin_target(context, request.tables));
    }
    auto& statement = target.statement;
    DL_TRY_ASSIGN(statement.broadcasts, rpc::read_broadcasts(request.broadcasts, request.names, attachment));
    statement.sql = std::move(request.sql);
    statement.number = request.number;
    for (auto& [name, table] : request.names)
        statement.names.emplace(std::move(name), table);
    target.timeout = std::chrono::milliseconds(request.timeout_ms);
    return target;
}

// Cancels the run when the peer goes.
class CancelGuard {
  public:
    CancelGuard(rpc::RpcCall& call, std::shared_ptr<QueryCancel> cancel) : call_(call) {
        call_.on_cancel([cancel = std::move(cancel)] { cancel->cancel(); });
    }
    ~CancelGuard() { call_.on_cancel({}); }

  private:
    rpc::RpcCall& call_;
};

struct Begun {
    std::unique_ptr<QueryRun> run;  // none when that is all
    std::vector<SharedBytes> frames;
    std::uint64_t rows = 0;
};

// Adds the rows of an answer that is whole already, so that it takes no further turn on the pool.
Result<void> take_whole(Begun& begun) {
    for (;;) {
        DL_TRY_ASSIGN(const auto batch, begun.run->next());
        if (!batch) break;
        std::string frame;
        for (const auto& part : rpc::rows_frame(*batch))
            frame += part.view();
        begun.frames.push_back(SharedBytes::from_string(std::move(frame)));
        begun.rows += batch->rows();
    }
    begun.run.reset();
    return {};
}

Result<Begun> begin(QueryService& queries, const QueryTarget& target,
                    std::chrono::steady_clock::time_point deadline,
                    const std::shared_ptr<QueryCancel>& cancel) {
    Begun begun;
    rpc::QueryHead head;
    if (target.pin) {
        DL_TRY_ASSIGN(auto pinned,
                      queries.start_pinned(target.pin->tables, target.statement, deadline, cancel));
        begun.run = std::move(pinned.run);
        head.cut = std::move(pinned.cut);
    } else {
        DL_TRY_ASSIGN(begun.run, queries.start(target.view, target.statement, deadline, cancel));
    }
    head.columns = begun.run->columns();
    begun.frames.push_back(SharedBytes::from_string(rpc::encode(head)));
    if (begun.run->is_whole()) DL_TRY(take_whole(begun));
    return begun;
}

std::string end_json(std::uint64_t rows) {
    return rpc::encode(rpc::QueryReply{rows});
}

Error all_busy(const net::ByteBudget& slots) {
    return make_error(ErrorCode::overloaded,
                      "all " + std::to_string(slots.total()) +
                          " queries of this slave stayed busy (slave.query.concurrent.max)");
}

// Who looks at a plan does not wait for those who compute.
net::ByteBudget& slots_for(const HandlerContext& context, std::string_view sql) {
    constexpr std::string_view kExplain = "explain";
    const bool explains = ascii_lowercase(skip_sql_blanks(sql).substr(0, kExplain.size())) == kExplain;
    const auto& slots = *context.query_slots;
    const bool busy = slots.contended() || slots.in_use() >= slots.total();
    return explains && busy && context.explain_slots != nullptr ? *context.explain_slots
                                                                : *context.query_slots;
}

boost::asio::awaitable<Result<std::string>> run_query(HandlerContext& context, rpc::RpcCall& call,
                                                      QueryTarget target) {
    const auto deadline = std::chrono::steady_clock::now() + target.timeout;
    // Without a slot: who waits for records must not keep queries from running.
    if (target.pin) {
        DL_CO_TRY(co_await wait_for_pin(*target.pin));
    }
    auto& slots = slots_for(context, target.statement.sql);
    auto slot = co_await slots.acquire(1, deadline);
    if (slot.has_error())
        co_return slot.error().code == ErrorCode::overloaded ? all_busy(*context.query_slots) : slot.error();
    const auto cancel = std::make_shared<QueryCancel>();
    CancelGuard guard(call, cancel);

    auto start = [queries = context.queries, cancel, deadline, target = std::move(target)] {
        return begin(*queries, target, deadline, cancel);
    };
    DL_CO_TRY_ASSIGN(auto started, co_await run_on(*context.query_pool, start));
    if (started.run == nullptr) {
        call.send_with_end(std::move(started.frames));
        co_return end_json(started.rows);
    }
    // The engine's objects die on the query pool too: that may block.
    std::shared_ptr<QueryRun> run(started.run.release(), [pool = context.query_pool](QueryRun* done) {
        if (!pool->post([done] { delete done; })) delete done;
    });

    // The master may be slow to take rows, since its client is.
    net::YieldingSlot yielding(slots, std::move(*slot));
    const auto executor = co_await boost::asio::this_coro::executor;
    yielding.peer_begins(executor);
    auto written = co_await call.send_frames(std::move(started.frames));
    std::uint64_t rows = 0;
    while (written.has_value()) {
        auto again = co_await yielding.peer_done(deadline);
        if (again.has_error())
            co_return again.error().code == ErrorCode::overloaded ? all_busy(*context.query_slots)
                                                                  : again.error();
        auto step = [run] { return run->next(); };
        auto batch = co_await run_on(*context.query_pool, step);
        if (batch.has_error()) co_return std::move(batch).error();
        if (!batch->has_value()) co_return end_json(rows);
        rows += (*batch)->rows();
        auto parts = rpc::rows_frame(**batch);
        yielding.peer_begins(executor);
        written = co_await call.send_data(std::move(parts));
    }
    co_return std::move(written).error();
}

}  // namespace

rpc::RpcHandler make_query_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(auto target, find_target(context, call.json(), call.attachment()));
        const auto names = target.statement.names;
        auto ran = co_await run_query(context, call, std::move(target));
        if (!ran.has_error()) co_return ran;
        auto error = std::move(ran).error();
        for (const auto& [name, table] : names)
            error = unless_dropped(*context.tables, table, name, std::move(error));
        co_return error;
    };
}

}  // namespace dl::slave
