// check_table, and `check table` of sql: one row per partition, as the slaves find them.
#include <utility>

#include "master/handlers/handlers.h"
#include "master/handlers/reply_codec.h"

namespace dl::master {

namespace asio = boost::asio;

HandlerResult check_table(Services& services, Statement& statement, ClientReply& reply, std::string table,
                          bool repair) {
    auto found = services.catalog.find(table);
    if (found.has_error()) co_return std::move(found).error();
    reply.cancel_when_client_leaves();
    const auto deadline = statement.options().timeout_ms
                              ? statement.deadline
                              : statement.started + services.limits.compress_timeout;
    ReadRouter::RowSink sink = [&reply](std::string row) -> asio::awaitable<Result<void>> {
        std::string out;
        append_frame(out, row);
        co_return co_await reply.write_one(std::move(out));
    };
    auto checked = co_await services.reads.check(*found, repair, std::move(sink), deadline);
    if (checked.has_error()) co_return std::move(checked).error();
    co_return co_await reply_success(statement, reply, "");
}

HandlerResult handle_check_table(Services& services, Statement& statement, ClientReply& reply) {
    co_return co_await check_table(services, statement, reply, statement.request.table_name(),
                                   statement.options().repair);
}

}  // namespace dl::master
