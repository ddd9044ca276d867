// metadata.
#include <utility>

#include "master/handlers/handlers.h"
#include "master/handlers/reply_codec.h"
#include "master/handlers/table_text.h"

namespace dl::master {

HandlerResult handle_metadata(Services& services, Statement& statement, ClientReply& reply) {
    auto table = services.catalog.find(statement.request.table_name());
    if (table.has_error()) co_return std::move(table).error();
    std::string out;
    append_frame(out, metadata_json(**table, services.routes.of(**table)));
    auto written = co_await reply.write_one(std::move(out));
    if (written.has_error()) co_return std::move(written).error();
    co_return co_await reply_success(statement, reply, "");
}

}  // namespace dl::master
