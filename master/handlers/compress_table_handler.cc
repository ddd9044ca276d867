// compress_table, and `compress` of sql. Goes on when the client leaves: the work is wanted all the same.
#include <utility>

#include "master/handlers/handlers.h"

namespace dl::master {

HandlerResult compress_table(Services& services, Statement& statement, ClientReply& reply,
                             std::string table) {
    auto found = services.catalog.find(table);
    if (found.has_error()) co_return std::move(found).error();
    const auto deadline = statement.options().timeout_ms
                              ? statement.deadline
                              : statement.started + services.limits.compress_timeout;
    auto compressed = co_await services.reads.compress(*found, deadline);
    if (compressed.has_error()) co_return std::move(compressed).error();
    co_return co_await reply_success(statement, reply, "");
}

HandlerResult handle_compress_table(Services& services, Statement& statement, ClientReply& reply) {
    co_return co_await compress_table(services, statement, reply, statement.request.table_name());
}

}  // namespace dl::master
