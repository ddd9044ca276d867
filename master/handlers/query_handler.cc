// query, and SELECT of sql. Rows are pulled and turned into frames on the query pool, a piece at a time; the
// next piece is pulled when the client has taken the last one. Lookups by key that one slave answers take
// neither a query slot nor, when they are small, a turn on the pool.
#include <memory>
#include <utility>
#include <vector>

#include "common/async/guarded.h"
#include "common/async/run_on.h"
#include "common/base/byte_io.h"
#include "common/record/row_json.h"
#include "common/types/value_text.h"
#include "master/handlers/handlers.h"
#include "master/handlers/reply_codec.h"

namespace dl::master {
namespace {

constexpr std::size_t kPieceBytes = 128u << 10;
// Rows of a lookup that are turned into frames on the session's thread.
constexpr std::size_t kRowsHereBytesMax = 16u << 10;

// A running query; touched by one pool thread at a time.
struct RunningQuery {
    std::unique_ptr<QueryStream> stream;
    std::vector<std::string> names;  // JSON keys
    std::optional<ColumnBatch> batch;
    std::uint32_t row = 0;
    std::uint64_t rows = 0;
    bool ended = false;
};

// Ends a query on the pool it belongs to, because ending it may wait.
class QueryOwner {
  public:
    QueryOwner(WorkerPool& pool, std::shared_ptr<RunningQuery> query, net::ByteBudget::Share slot)
        : pool_(pool),
          query_(std::move(query)),
          slot_(std::make_shared<net::ByteBudget::Share>(std::move(slot))) {}
    ~QueryOwner() {
        auto end = [query = std::move(query_), slot = std::move(slot_)]() mutable {
            query->stream.reset();
            slot->release();
        };
        (void)pool_.post(std::move(end));
    }
    QueryOwner(const QueryOwner&) = delete;
    QueryOwner& operator=(const QueryOwner&) = delete;
    std::shared_ptr<RunningQuery> query() const { return query_; }

  private:
    WorkerPool& pool_;
    std::shared_ptr<RunningQuery> query_;
    std::shared_ptr<net::ByteBudget::Share> slot_;
};

TableLookup tables_of(const Services& services) {
    return [&catalog = services.catalog](const std::string& name) { return catalog.find(name); };
}

void name_columns(RunningQuery& query) {
    for (const auto& column : query.stream->columns()) {
        std::string name;
        append_json_string(name, column.name);
        query.names.push_back(std::move(name));
    }
}

Result<void> start(RunningQuery& query, Services& services, const std::string& sql,
                   const QueryOptions& options, std::shared_ptr<QueryCancel> cancel) {
    DL_TRY_ASSIGN(query.stream, services.queries.run(sql, tables_of(services), options, std::move(cancel)));
    name_columns(query);
    return {};
}

// Frames of the next rows, about kPieceBytes of them; ended is set with the last.
Result<std::string> pull(RunningQuery& query) {
    std::string piece;
    while (piece.size() < kPieceBytes) {
        if (!query.batch || query.row == query.batch->rows()) {
            DL_TRY_ASSIGN(query.batch, query.stream->next());
            query.row = 0;
            if (!query.batch) {
                query.ended = true;
                break;
            }
            continue;
        }
        const auto begin = piece.size();
        piece.append(4, '\0');
        append_row_json(piece, query.names, *query.batch, query.row++);
        store_be32(piece.data() + begin, static_cast<std::uint32_t>(piece.size() - begin - 4));
        ++query.rows;
    }
    return piece;
}

std::string meta_of(const RunningQuery& query) {
    std::string meta = "\"offsets\":{";
    bool first = true;
    for (const auto& [table, offsets] : query.stream->offsets()) {
        if (!first) meta += ',';
        first = false;
        append_json_string(meta, table);
        meta += ':';
        append_offsets_json(meta, offsets);
    }
    meta += "},\"behind\":{";
    first = true;
    for (const auto& [table, records] : query.stream->behind()) {
        if (!first) meta += ',';
        first = false;
        append_json_string(meta, table);
        meta += ':' + std::to_string(records);
    }
    return meta + "},\"rows\":" + std::to_string(query.rows);
}

// Pulls and writes until the rows are at their end; `here`: on the session's thread.
HandlerResult write_rows(Services& services, Statement& statement, ClientReply& reply,
                         std::shared_ptr<RunningQuery> query, bool here) {
    while (!query->ended) {
        auto next = [query] { return guarded([&] { return pull(*query); }); };
        Result<std::string> piece = std::string();
        if (here)
            piece = next();
        else
            piece = co_await run_on(services.query_pool, next);
        if (piece.has_error()) co_return std::move(piece).error();
        if (query->ended && !statement.options().meta) append_code(*piece, kReplySuccess);
        auto written = co_await reply.write_one(std::move(*piece));
        if (written.has_error()) co_return std::move(written).error();
    }
    if (!statement.options().meta) co_return Result<void>();
    co_return co_await reply_success(statement, reply, meta_of(*query));
}

// What a lookup that was cut off reports says only how, not why.
Error stopped(const Statement& statement, Error error) {
    const auto reason = statement.cancel->reason();
    if (error.code == ErrorCode::timeout || reason == ErrorCode::timeout)
        return make_error(ErrorCode::timeout, "the query ran out of time; raise timeout_ms or ask for less");
    if (reason && *reason != error.code) return make_error(*reason, "the query was cancelled");
    return error;
}

HandlerResult run_select_on_pool(Services& services, Statement& statement, ClientReply& reply,
                                 std::string sql, CutOptions cut) {
    auto slot = co_await services.query_slots.acquire(1, statement.deadline);
    if (slot.has_error())
        co_return make_error(ErrorCode::overloaded,
                             "as many queries as master.query.concurrent.max allows are running, "
                             "and none ended in time; ask again later");
    QueryOptions options{statement.deadline, std::move(cut)};
    QueryOwner owner(services.query_pool, std::make_shared<RunningQuery>(), std::move(*slot));
    auto query = owner.query();
    auto begin = [query, &services, sql = std::move(sql), options, cancel = statement.cancel] {
        return guarded([&] { return start(*query, services, sql, options, cancel); });
    };
    auto started = co_await run_on(services.query_pool, begin);
    if (started.has_error()) co_return std::move(started).error();
    co_return co_await write_rows(services, statement, reply, std::move(query), false);
}

}  // namespace

HandlerResult run_select(Services& services, Statement& statement, ClientReply& reply, std::string sql) {
    reply.cancel_when_client_leaves();
    CutOptions cut{statement.options().min_offsets, statement.options().as_of};
    const auto leader_of = [&routes = services.routes](const TableMeta& table, PartitionId partition) {
        return routes.of(table).leader_address(partition);
    };
    auto plan = plan_point_query(sql, tables_of(services), leader_of, cut);
    if (!plan)
        co_return co_await run_select_on_pool(services, statement, reply, std::move(sql), std::move(cut));
    auto answer = co_await services.points.read(std::move(*plan), sql, statement.deadline);
    const bool retried = answer.has_error() && answer.error().code == ErrorCode::schema_mismatch;
    if (retried)
        co_return co_await run_select_on_pool(services, statement, reply, std::move(sql), std::move(cut));
    if (answer.has_error()) co_return stopped(statement, std::move(answer).error());
    auto query = std::make_shared<RunningQuery>();
    query->stream = std::move(answer->rows);
    name_columns(*query);
    const bool here = answer->bytes <= kRowsHereBytesMax;
    co_return co_await write_rows(services, statement, reply, std::move(query), here);
}

HandlerResult handle_query(Services& services, Statement& statement, ClientReply& reply) {
    co_return co_await run_select(services, statement, reply, statement.request.text());
}

}  // namespace dl::master
