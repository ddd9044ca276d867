#include "common/async/run_on.h"
#include "common/base/limits.h"
#include "common/types/data_type.h"
#include "common/types/value_text.h"
#include "slave/handlers/broadcast_request.h"
#include "slave/handlers/handlers.h"
#include "slave/handlers/pin_request.h"

namespace dl::slave {
namespace {

constexpr std::int64_t kTimeoutMsMax = 24 * 3600 * 1000;

struct QueryRequest {
    std::uint64_t view = 0;
    std::optional<PinRequest> pin;  // instead of a view
    QueryStatement statement;
    std::chrono::milliseconds timeout{0};
};

Result<QueryRequest> parse(const TableRegistry& tables, std::string_view json,
                           const SharedBytes& attachment) {
    DL_TRY_ASSIGN(const auto request, RequestJson::parse("query", json));
    QueryRequest query;
    if (request.has("tables")) {
        DL_TRY_ASSIGN(query.pin, parse_pin_request(tables, request));
    } else {
        DL_TRY_ASSIGN(const auto view, request.integer("view", 0, std::numeric_limits<std::int64_t>::max()));
        query.view = static_cast<std::uint64_t>(view);
    }
    auto& statement = query.statement;
    DL_TRY_ASSIGN(statement.sql, request.text("sql"));
    DL_TRY_ASSIGN(statement.names, request.table_names("names"));
    DL_TRY_ASSIGN(const auto timeout_ms, request.integer("timeout_ms", 1, kTimeoutMsMax));
    if (statement.sql.size() > limits::sql_bytes_max)
        return make_error(ErrorCode::limit_exceeded,
                          "query: 'sql' has " + std::to_string(statement.sql.size()) + " bytes, at most " +
                              std::to_string(limits::sql_bytes_max) + " are taken");
    DL_TRY_ASSIGN(statement.broadcasts, parse_broadcasts(request, statement.names, attachment));
    query.timeout = std::chrono::milliseconds(timeout_ms);
    return query;
}

std::string columns_json(const std::vector<QueryRun::Column>& columns, const std::optional<PinnedCut>& cut) {
    std::string json = "{\"columns\":[";
    for (std::size_t i = 0; i < columns.size(); ++i) {
        json += i == 0 ? "{\"name\":" : ",{\"name\":";
        append_json_string(json, columns[i].name);
        json += ",\"type\":";
        append_json_string(json, type_name(columns[i].type));
        json += "}";
    }
    return json + "]" + (cut ? "," + cut_json(*cut) : std::string()) + "}";
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

// A row count and the batch.
std::vector<SharedBytes> rows_frame(const ColumnBatch& batch) {
    const auto count = batch.rows();
    return {SharedBytes::copy_of(&count, sizeof count), batch.body()};
}

// Adds the rows of an answer that is whole already, so that it takes no further turn on the pool.
Result<void> take_whole(Begun& begun) {
    for (;;) {
        DL_TRY_ASSIGN(const auto batch, begun.run->next());
        if (!batch) break;
        std::string frame;
        for (const auto& part : rows_frame(*batch))
            frame += part.view();
        begun.frames.push_back(SharedBytes::from_string(std::move(frame)));
        begun.rows += batch->rows();
    }
    begun.run.reset();
    return {};
}

Result<Begun> begin(QueryService& queries, const QueryRequest& request,
                    std::chrono::steady_clock::time_point deadline,
                    const std::shared_ptr<QueryCancel>& cancel) {
    Begun begun;
    std::optional<PinnedCut> cut;  // when it is taken for this query
    if (request.pin) {
        DL_TRY_ASSIGN(auto pinned,
                      queries.start_pinned(request.pin->tables, request.statement, deadline, cancel));
        begun.run = std::move(pinned.run);
        cut = std::move(pinned.cut);
    } else {
        DL_TRY_ASSIGN(begun.run, queries.start(request.view, request.statement, deadline, cancel));
    }
    begun.frames.push_back(SharedBytes::from_string(columns_json(begun.run->columns(), cut)));
    if (begun.run->is_whole()) DL_TRY(take_whole(begun));
    return begun;
}

std::string end_json(std::uint64_t rows) {
    return "{\"rows\":" + std::to_string(rows) + "}";
}

boost::asio::awaitable<Result<std::string>> run_query(HandlerContext& context, rpc::RpcCall& call,
                                                      QueryRequest request) {
    const auto deadline = std::chrono::steady_clock::now() + request.timeout;
    // Without a slot: who waits for records must not keep queries from running.
    if (request.pin) {
        auto reached = co_await wait_for_pin(std::move(request.pin->awaited));
        if (reached.has_error()) co_return std::move(reached).error();
    }
    auto slot = co_await context.query_slots->acquire(1, deadline);
    if (slot.has_error())
        co_return make_error(slot.error().code,
                             "all " + std::to_string(context.query_slots->total()) +
                                 " queries of this slave stayed busy (slave.query.concurrent.max)");
    const auto cancel = std::make_shared<QueryCancel>();
    CancelGuard guard(call, cancel);

    auto start = [queries = context.queries, cancel, deadline, request = std::move(request)] {
        return begin(*queries, request, deadline, cancel);
    };
    auto started = co_await run_on(*context.query_pool, start);
    if (started.has_error()) co_return std::move(started).error();
    if (started->run == nullptr) {
        call.send_with_end(std::move(started->frames));
        co_return end_json(started->rows);
    }
    // The engine's objects die on the query pool too: that may block.
    std::shared_ptr<QueryRun> run(started->run.release(), [pool = context.query_pool](QueryRun* done) {
        if (!pool->post([done] { delete done; })) delete done;
    });

    auto written = co_await call.send_frames(std::move(started->frames));
    std::uint64_t rows = 0;
    while (written.has_value()) {
        auto step = [run] { return run->next(); };
        auto batch = co_await run_on(*context.query_pool, step);
        if (batch.has_error()) co_return std::move(batch).error();
        if (!batch->has_value()) co_return end_json(rows);
        rows += (*batch)->rows();
        auto parts = rows_frame(**batch);
        written = co_await call.send_data(std::move(parts));
    }
    co_return std::move(written).error();
}

}  // namespace

rpc::RpcHandler make_query_handler(HandlerContext& context) {
    return [&context](rpc::RpcCall& call) -> boost::asio::awaitable<Result<std::string>> {
        DL_CO_TRY_ASSIGN(auto request, parse(*context.tables, call.json(), call.attachment()));
        co_return co_await run_query(context, call, std::move(request));
    };
}

}  // namespace dl::slave
