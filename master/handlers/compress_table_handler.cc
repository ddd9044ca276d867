// compress_table, and `compress` of sql. Goes on when the client leaves: the work is wanted all the same.
#include <utility>

#include "master/handlers/handlers.h"
#include "master/handlers/reply_codec.h"

namespace dl::master {

namespace asio = boost::asio;

namespace {

std::string progress_frame(const CompressProgress& now) {
    const auto percent = now.rows_total == 0 ? 100 : now.rows_done * 100 / now.rows_total;
    std::string out;
    append_frame(out, "{\"progress\":{\"rows_done\":" + std::to_string(now.rows_done) + ",\"rows_total\":" +
                          std::to_string(now.rows_total) + ",\"bytes\":" + std::to_string(now.bytes) +
                          ",\"percent\":" + std::to_string(percent) + "}}");
    return out;
}

}  // namespace

HandlerResult compress_table(Services& services, Statement& statement, ClientReply& reply,
                             std::string table) {
    auto found = services.catalog.find(table);
    if (found.has_error()) co_return std::move(found).error();
    const auto deadline = statement.options().timeout_ms
                              ? statement.deadline
                              : statement.started + services.limits.compress_timeout;
    ReadRouter::ProgressSink progress;
    if (statement.options().progress)
        progress = [&reply](CompressProgress now) -> asio::awaitable<Result<void>> {
            auto frame = progress_frame(now);
            co_return co_await reply.write_one(std::move(frame));
        };
    auto compressed = co_await services.reads.compress(*found, deadline, std::move(progress));
    if (compressed.has_error()) co_return std::move(compressed).error();
    co_return co_await reply_success(statement, reply, "");
}

HandlerResult handle_compress_table(Services& services, Statement& statement, ClientReply& reply) {
    co_return co_await compress_table(services, statement, reply, statement.request.table_name());
}

}  // namespace dl::master
